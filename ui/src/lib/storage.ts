// What the browser keeps for a reader: language, theme and the columns of tables. A browser that refuses to keep anything is no error.

const prefix = 'gatepost.'

/** The value kept under a name, or null. */
export function remembered(name: string): string | null {
  try {
    return localStorage.getItem(prefix + name)
  } catch {
    return null
  }
}

/** Keeps a value under a name; null forgets it. */
export function remember(name: string, value: string | null): void {
  try {
    if (value === null) localStorage.removeItem(prefix + name)
    else localStorage.setItem(prefix + name, value)
  } catch {
    // Private windows may refuse: the choice then holds until the page is left.
  }
}
