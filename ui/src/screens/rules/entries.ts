// What the lists of Conditions and of Actions have in common: an entry that was just added is not called wrong
// before the person has left it.

import { useCallback, useState, type FocusEvent } from 'react'

export interface Fresh {
  isFresh: (index: number) => boolean
  added: (index: number) => void
  /** For `onBlur` of an entry: leaving it makes its problems show. */
  left: (index: number) => (event: FocusEvent<HTMLElement>) => void
  removed: () => void
}

export function useFresh(): Fresh {
  const [fresh, setFresh] = useState<number | null>(null)
  const added = useCallback((index: number) => {
    setFresh(index)
  }, [])
  const left = useCallback(
    (index: number) => (event: FocusEvent<HTMLElement>) => {
      if (index === fresh && !event.currentTarget.contains(event.relatedTarget)) setFresh(null)
    },
    [fresh],
  )
  return { isFresh: (index) => fresh === index, added, left, removed: () => setFresh(null) }
}

/** A list with one entry changed. */
export function replaced<T>(list: readonly T[], index: number, entry: T): T[] {
  return list.map((old, at) => (at === index ? entry : old))
}

/** A list without one entry. */
export function without<T>(list: readonly T[], index: number): T[] {
  return list.filter((_, at) => at !== index)
}

/** Moves the focus into an entry after it was drawn. */
export function focusEntry(id: string): void {
  requestAnimationFrame(() => {
    const entry = document.getElementById(id)
    entry?.querySelector<HTMLElement>('input:not([type=hidden]), select, textarea')?.focus()
  })
}
