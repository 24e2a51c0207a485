import { describe, expect, it } from 'vitest'
import type { PageOf } from '../api/types'
import { append, readAgain } from './paging'

/** A list of so many numbers behind a reader that gives at most 1000 at once. */
const list = (total: number, asked: number[] = []) => (cursor: string | null, limit: number): Promise<PageOf<number>> => {
  asked.push(limit)
  if (limit < 1 || limit > 1000) throw new Error(`limit ${limit}`)
  const start = cursor === null ? 0 : Number(cursor)
  const end = Math.min(total, start + limit)
  return Promise.resolve({ items: Array.from({ length: end - start }, (_, i) => start + i), next: end < total ? String(end) : null, total })
}

describe('reading again', () => {
  it('reads a first page when nothing was shown', async () => {
    const pages = await readAgain(list(250), 0)
    expect(pages.items).toHaveLength(100)
    expect(pages).toMatchObject({ next: '100', total: 250 })
  })
  it('reads as many as were shown, in as few requests as the limit allows', async () => {
    const asked: number[] = []
    const pages = await readAgain(list(5000, asked), 2300)
    expect(pages.items).toHaveLength(2300)
    expect(pages.items[2299]).toBe(2299)
    expect(asked).toEqual([1000, 1000, 300])
  })
  it('ends where the list ends', async () => {
    expect(await readAgain(list(120), 400)).toMatchObject({ next: null, total: 120 })
  })
})

describe('one more page', () => {
  const first = { items: [1, 2], next: '2', total: 4 }
  it('goes below the others', () => {
    expect(append(first, '2', { items: [3, 4], next: null, total: null })).toEqual({ items: [1, 2, 3, 4], next: null, total: 4 })
  })
  it('that was asked for twice is taken once', () => {
    const once = append(first, '2', { items: [3], next: '3', total: 4 })
    expect(append(once, '2', { items: [3], next: '3', total: 4 })).toBe(once)
  })
})
