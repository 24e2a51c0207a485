import { describe, expect, it } from 'vitest'
import { columnAge, mostOf, totals, warmth } from './heat'

const shape = {
  ages: [300, 600, null],
  rows: [
    { domain: 'a.example', total: 13, counts: [10, 2, 1] },
    { domain: 'b.example', total: 4, counts: [0, 4, 0] },
  ],
}

describe('the heat of the queue', () => {
  it('grows with the count and is never nothing for something', () => {
    expect(warmth(0, 100)).toBe(0)
    expect(warmth(1, 1)).toBe(1)
    expect(warmth(1, 100_000)).toBe(1)
    expect(warmth(100_000, 100_000)).toBe(5)
    const steps = [1, 10, 100, 1_000, 10_000].map((count) => warmth(count, 10_000))
    expect(steps).toEqual([1, 2, 3, 4, 5])
  })

  it('adds up', () => {
    expect(mostOf(shape)).toBe(10)
    expect(totals(shape)).toEqual([10, 6, 1])
    expect(mostOf({ ages: [], rows: [] })).toBe(0)
  })

  it('knows where a column begins and ends', () => {
    expect(columnAge(shape, 0)).toEqual({ from: 0, to: 300 })
    expect(columnAge(shape, 1)).toEqual({ from: 300, to: 600 })
    expect(columnAge(shape, 2)).toEqual({ from: 600, to: null })
    expect(columnAge({ ages: [300], rows: [] }, 1)).toEqual({ from: 300, to: null })
  })
})
