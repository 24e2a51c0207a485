import { expect, it } from 'vitest'
import { adopt } from '../../draft/document'
import { put, remove, wholeNumber, words } from './edits'

const document = adopt({ domain: [{ name: 'acme.example', routes: [], later: 1 }], outbound_source: [{ network: '10.0.0.0/8' }, { network: '192.0.2.1' }], rule: [{ system: 'deliver_outbound' }] })

it('changes one entry, keeps what it does not know, and leaves the rest the same objects', () => {
  const next = put(document, 'domain', 0, { name: 'acme.test', routes: [] })
  expect(next.domain).toEqual([{ name: 'acme.test', routes: [], later: 1 }])
  expect(next.rule).toBe(document.rule)
  expect(document.domain[0]?.name).toBe('acme.example')
})

it('adds behind the last', () => {
  expect(put(document, 'outbound_source', 2, { network: '2001:db8::/32' }).outbound_source.map((s) => s.network)).toEqual(['10.0.0.0/8', '192.0.2.1', '2001:db8::/32'])
})

it('takes away one', () => {
  expect(remove(document, 'outbound_source', 0).outbound_source).toEqual([{ network: '192.0.2.1' }])
})

it('splits words and takes whole numbers alone', () => {
  expect(words(' a.example,\n b.example  c.example ')).toEqual(['a.example', 'b.example', 'c.example'])
  expect(['25', ' 7 ', '', '1e3', '-1', '2.5'].map(wholeNumber)).toEqual([25, 7, null, null, null, null])
})
