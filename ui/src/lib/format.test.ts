import { describe, expect, it } from 'vitest'
import { bytes, duration, percent, relative, utc } from './format'
import { match } from './router'

describe('what people read', () => {
  it('writes sizes in powers of 1024', () => {
    expect([0, 1023, 1024, 1536, 50 * 1024 * 1024].map(bytes)).toEqual(['0 B', '1,023 B', '1 KiB', '1.5 KiB', '50 MiB'])
  })
  it('writes a span in its two largest units', () => {
    expect([0, 59, 3_600, 12_000, 90_061].map(duration)).toEqual(['0 seconds', '59 seconds', '1 hour', '3 hours 20 minutes', '1 day 1 hour'])
  })
  it('never rounds a share up to all or down to nothing', () => {
    expect([percent(1, 1), percent(99_999, 100_000), percent(1, 1_000_000), percent(0, 5), percent(0, 0)]).toEqual(['100%', '99.9%', '0.1%', '0%', '–'])
  })
  it('writes how long it is from now', () => {
    const now = Date.parse('2026-11-24T12:00:00Z')
    expect(relative('2026-11-24T11:55:00Z', now)).toBe('5 minutes ago')
    expect(relative('2026-11-24T14:00:00Z', now)).toBe('in 2 hours')
  })
  it('names the exact moment in UTC', () => {
    expect(utc('2026-11-24T03:00:00Z')).toBe('2026-11-24 03:00:00 UTC')
  })
})

describe('a path', () => {
  it('gives its parameters decoded', () => {
    expect(match('/rules/:id', '/rules/deliver_outbound')).toEqual({ id: 'deliver_outbound' })
    expect(match('/routes/:name', '/routes/a%2Fb')).toEqual({ name: 'a/b' })
  })
  it('does not fit another, or one that cannot be decoded', () => {
    expect(match('/rules/:id', '/rules')).toBeNull()
    expect(match('/rules/:id', '/rules/%E0')).toBeNull()
  })
})
