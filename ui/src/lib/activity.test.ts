import { expect, it } from 'vitest'
import { present } from './activity'

it('nobody is there ten minutes after the last sign of them', () => {
  const now = Date.now()
  expect(present(now + 9 * 60_000)).toBe(true)
  expect(present(now + 11 * 60_000)).toBe(false)
})
