import { describe, expect, it } from 'vitest'
import { comparison, revisionNumber } from './revisions'

describe('revisions in an address', () => {
  it('are whole numbers from 1, and nothing else', () => {
    expect(revisionNumber('12')).toBe(12)
    for (const text of ['0', '-1', '1.5', 'audit', '', '1e3', '99999999999999999', undefined]) expect(revisionNumber(text)).toBeNull()
  })

  it('are compared from the older to the newer', () => {
    expect(comparison(' 7 ', '3')).toEqual({ from: 3, to: 7 })
    expect(comparison('3', '3')).toBeNull()
    expect(comparison('x', '3')).toBeNull()
  })
})
