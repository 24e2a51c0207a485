import { describe, expect, it } from 'vitest'
import { daysOf, isDay, moments, periodProblem } from './period'

describe('periods', () => {
  it('end with the first moment of the next day', () => {
    expect(moments({ from: '2026-10-01', to: '2026-10-31' })).toEqual({
      since: '2026-10-01T00:00:00Z',
      until: '2026-11-01T00:00:00Z',
    })
  })

  it('know a day of the calendar', () => {
    expect(isDay('2028-02-29')).toBe(true)
    for (const wrong of ['2026-02-29', '2026-13-01', '26-01-01', '2026-1-1', '']) expect(isDay(wrong)).toBe(false)
    expect(periodProblem({ from: '2026-02-30', to: '2026-03-01' })).toBe('noDay')
    expect(periodProblem({ from: '2026-03-02', to: '2026-03-01' })).toBe('backwards')
    expect(periodProblem({ from: '2026-03-01', to: '2026-03-01' })).toBeNull()
  })

  it('have every day', () => {
    expect(daysOf({ from: '2026-02-27', to: '2026-03-02' })).toEqual(['2026-02-27', '2026-02-28', '2026-03-01', '2026-03-02'])
  })
})
