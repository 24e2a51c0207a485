import { describe, expect, it } from 'vitest'
import { everyDay, share, stacked, sums } from './series'

const days = [
  { day: '2026-11-01', none: 1, tls12: 2, tls13: 3, verified: 4, waiting: 0, bounced: 0 },
  { day: '2026-11-03', none: 0, tls12: 0, tls13: 10, verified: 9, waiting: 2, bounced: 1 },
]

describe('the report over time', () => {
  it('has every day of its period', () => {
    const all = everyDay(days, { from: '2026-10-31', to: '2026-11-03' })
    expect(all.map((day) => day.day)).toEqual(['2026-10-31', '2026-11-01', '2026-11-02', '2026-11-03'])
    expect(stacked(all).slice(1)).toEqual([
      [0, 6, 0, 10],
      [0, 5, 0, 10],
      [0, 3, 0, 10],
    ])
    expect(stacked(all)[0][1]).toBe(Date.parse('2026-11-01T00:00:00Z') / 1000)
  })

  it('adds up, and rounds in favour of nobody', () => {
    expect(sums(days)).toEqual({ none: 1, tls12: 2, tls13: 13, verified: 13, waiting: 2, bounced: 1, delivered: 16 })
    expect(share(9_999, 10_000)).toBe(99.9)
    expect(share(10_000, 10_000)).toBe(100)
    expect(share(0, 0)).toBeNull()
  })
})
