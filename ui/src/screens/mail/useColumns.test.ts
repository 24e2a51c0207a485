import { expect, it } from 'vitest'
import { canBeLeftOut, leftOut } from './useColumns'

it('reads what was kept, and takes anything else for nothing', () => {
  expect(leftOut('["sender","received"]')).toEqual(['sender', 'received'])
  for (const kept of [null, '', 'x', '{}', '"sender"', 'null', '[1, {}]']) expect(leftOut(kept)).toEqual([])
})

it('always shows what names a row and what has buttons', () => {
  const column = { key: 'x', head: 'X', cell: () => null }
  expect([column, { ...column, names: true }, { ...column, hideHead: true }].map(canBeLeftOut)).toEqual([true, false, false])
})
