import { expect, it } from 'vitest'
import { pool } from './pool'

it('works at most so many at once, on every item once', async () => {
  let busy = 0
  let most = 0
  const seen: number[] = []
  const waiting: (() => void)[] = []
  const all = pool([...Array(20).keys()], 6, async (item) => {
    busy += 1
    most = Math.max(most, busy)
    await new Promise<void>((go) => waiting.push(go))
    seen.push(item)
    busy -= 1
  })
  while (seen.length < 20) {
    waiting.shift()?.()
    await Promise.resolve()
  }
  await all
  expect(most).toBe(6)
  expect([...seen].sort((a, b) => a - b)).toEqual([...Array(20).keys()])
})

it('begins nothing after it was stopped', async () => {
  const stop = new AbortController()
  const seen: number[] = []
  await pool(
    [1, 2, 3, 4],
    1,
    async (item) => {
      seen.push(item)
      if (item === 2) stop.abort()
    },
    stop.signal,
  )
  expect(seen).toEqual([1, 2])
})
