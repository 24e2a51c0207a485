import { describe, expect, it } from 'vitest'
import { adopt, wire } from '../../draft/document'
import { ruleName, type PolicyDocument } from '../../draft/types'
import { enforceForList } from '../../draft/enforce'
import { atLevel, enforceExcept, opportunisticForAll, triesForAll } from './presets'

const standard = (): PolicyDocument =>
  adopt({ rule: [{ system: 'opportunistic_tls' }, { system: 'deliver_inbound' }, { system: 'deliver_outbound' }] })
const classic = (): PolicyDocument => adopt({ rule: [{ system: 'deliver_inbound' }, { system: 'deliver_outbound' }] })
const names = (document: PolicyDocument) => document.rule.map(ruleName)

describe('the cards', () => {
  it('enforce everywhere except a list, above every System Rule that sends', () => {
    const done = enforceExcept(standard(), 'Exceptions', 'old.example\n', 'Require')
    expect(names(done)).toEqual(['TLS Enforced everywhere', 'Opportunistic TLS', 'Deliver Inbound', 'Deliver Outbound'])
    expect((wire(done).rule as Record<string, unknown>[])[0]).toMatchObject({
      conditions: [
        { condition: 'direction', match: 'matches', value: 'outbound' },
        { condition: 'recipient', match: 'does_not_match', rule_data: 'Exceptions' },
        { condition: 'header', name: 'x-TLSLevel', match: 'does_not_exist' },
      ],
      actions: [{ action: 'add_message_header', value: 'x-TLSLevel:Require' }],
    })
    expect(done.rule_data.map((set) => [set.name, set.values])).toEqual([['Exceptions', 'old.example\n']])
    expect(enforceExcept(done, 'exceptions', '', 'Require')).toBe(done)
  })

  it('try TLS for all: by the System Rule, or by a rule where there is none', () => {
    const off = adopt({ rule: [{ system: 'opportunistic_tls', active: false }, { system: 'deliver_inbound' }, { system: 'deliver_outbound' }] })
    expect(triesForAll(off)).toBe(false)
    expect(triesForAll(opportunisticForAll(off))).toBe(true)
    expect(opportunisticForAll(standard()).rule).toHaveLength(3)

    const added = opportunisticForAll(classic())
    expect(names(added)).toEqual(['Deliver Inbound', 'Opportunistic for all', 'Deliver Outbound'])
    expect(opportunisticForAll(added)).toBe(added)
  })

  it('in the classic profile also try TLS for the exceptions, below the rule that enforces', () => {
    expect(names(enforceExcept(classic(), 'Exceptions', 'old.example', 'Verify'))).toEqual([
      'Deliver Inbound',
      'TLS Enforced everywhere',
      'Opportunistic for all',
      'Deliver Outbound',
    ])
  })

  it('give a list one level: the rule that there is changes', () => {
    const { document, rule } = enforceForList(standard(), { list: 'Partners', text: 'a.example', level: 'Require' })
    const raised = atLevel(document, 'partners', 'Verify')
    expect(raised.rule.find((one) => one.key === rule)).toMatchObject({ actions: [{ action: 'add_message_header', value: 'x-TLSLevel:Verify' }] })
    expect(enforceForList(raised, { list: 'Partners', text: '', level: 'Verify' }).document).toBe(raised)
    expect(atLevel(document, 'partners', 'Require')).toBe(document)
  })
})
