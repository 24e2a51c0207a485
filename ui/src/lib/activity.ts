// Whether somebody is there. Screens read again by themselves only while that is so: else a forgotten tab would keep
// a session alive that is meant to end after half an hour without use.

const quietAfter = 10 * 60_000

let last = Date.now()
const listeners = new Set<() => void>()

function seen(): void {
  const away = !present()
  last = Date.now()
  if (away) listeners.forEach((listener) => listener())
}

if (typeof window !== 'undefined') {
  for (const event of ['pointerdown', 'pointermove', 'keydown', 'wheel', 'focus'] as const) window.addEventListener(event, seen, { passive: true, capture: true })
}

/** Whether the reader did anything in the last ten minutes, and the page can be seen. */
export function present(now: number = Date.now()): boolean {
  return now - last < quietAfter && (typeof document === 'undefined' || !document.hidden)
}

/** Calls back when the reader is there again after having been away; returns how to stop that. */
export function onReturn(listener: () => void): () => void {
  listeners.add(listener)
  return () => listeners.delete(listener)
}
