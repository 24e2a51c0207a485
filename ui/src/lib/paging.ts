// The state of a list that arrives in pages. What always holds: a list is never cut silently; as long as the
// gateway has more, `next` says so, and `total` is what the gateway counted.

import type { PageOf } from '../api/types'

/** The pages so far, as one list. */
export interface Pages<T> {
  items: T[]
  next: string | null
  total: number | null
}

/** The list after one more page. A page that the list already went past (a double click) changes nothing. */
export function append<T>(pages: Pages<T>, cursor: string | null, page: PageOf<T>): Pages<T> {
  if (pages.next !== cursor) return pages
  return { items: [...pages.items, ...page.items], next: page.next, total: page.total ?? pages.total }
}

/** How many to ask for at once; the API takes 1 to 1000. */
export const pageSize = 100
export const largest = 1000

/**
 * Reads a list anew, as long as it was: pages are read until `wanted` entries are there or the list ends.
 */
export async function readAgain<T>(read: (cursor: string | null, limit: number) => Promise<PageOf<T>>, wanted: number): Promise<Pages<T>> {
  const items: T[] = []
  let cursor: string | null = null
  let total: number | null = null
  do {
    const limit = Math.min(largest, Math.max(pageSize, wanted - items.length))
    const page: PageOf<T> = await read(cursor, limit)
    items.push(...page.items)
    total = page.total ?? total
    cursor = page.next
  } while (cursor !== null && items.length < wanted)
  return { items, next: cursor, total }
}
