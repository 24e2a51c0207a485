import { describe, expect, it } from 'vitest'
import { addText, adopt, deleteRule, findData, findRule, moveRule, setActive } from './document'
import { enforceForList } from './enforce'
import { order, sample } from './samples'

const wish = { list: 'Forty', text: 'a.example\nB.example\n a.example \n\n', level: 'Require' as const }

describe('Enforce for a list', () => {
  it("makes the set and the guide's rule above what tries and delivers", () => {
    const done = enforceForList(sample(), wish)
    expect(findData(done.document, done.data)).toMatchObject({
      name: 'Forty',
      kind: 'domains',
      values: 'a.example\nB.example\n',
    })
    expect(findRule(done.document, done.rule)).toMatchObject({
      name: 'TLS Enforced domains',
      active: true,
      shadow: false,
      conditions: [
        { condition: 'direction', match: 'matches', value: 'outbound' },
        { condition: 'recipient', match: 'matches', rule_data: 'Forty' },
      ],
      actions: [{ action: 'add_message_header', value: 'x-TLSLevel:Require' }],
      final_action: 'none',
    })
    expect(done.rest).toBeNull()
    expect(order(done.document).slice(2, 5)).toEqual(['Tag', 'TLS Enforced domains', 'opportunistic_tls'])
  })

  it('tries TLS for the rest where the System Rule is off, with Does Not Match', () => {
    const done = enforceForList(setActive(sample(), 'opportunistic_tls', false), wish)
    expect(findRule(done.document, done.rest ?? '')).toMatchObject({
      name: 'Opportunistic for the rest',
      conditions: [
        { condition: 'direction', match: 'matches', value: 'outbound' },
        { condition: 'recipient', match: 'does_not_match', rule_data: 'Forty' },
      ],
      actions: [{ action: 'add_message_header', value: 'x-TLSLevel:Try' }],
    })
    expect(order(done.document).slice(3, 6)).toEqual([
      'TLS Enforced domains',
      'Opportunistic for the rest',
      'opportunistic_tls',
    ])
  })

  it('does so in the classic profile, above Deliver Outbound and whatever it finds there', () => {
    const classic = adopt({ rule: [{ system: 'deliver_inbound' }, { name: 'Mine' }, { system: 'deliver_outbound' }] })
    const done = enforceForList(classic, wish)
    expect(order(done.document)).toEqual([
      'deliver_inbound',
      'Mine',
      'TLS Enforced domains',
      'Opportunistic for the rest',
      'deliver_outbound',
    ])
  })

  it('leaves a second list out of the same rule for the rest, so that no message gets two levels', () => {
    const classic = adopt({ rule: [{ system: 'deliver_inbound' }, { system: 'deliver_outbound' }] })
    const first = enforceForList(classic, wish)
    const second = enforceForList(first.document, { list: 'Banks', text: 'bank.example', level: 'Verify' })
    expect(second.rest).toBe(first.rest)
    expect(order(second.document)).toEqual([
      'deliver_inbound',
      'TLS Enforced domains',
      'Opportunistic for the rest',
      'TLS Enforced domains 2',
      'deliver_outbound',
    ])
    const rest = findRule(second.document, second.rest ?? '')
    expect(rest && 'conditions' in rest && rest.conditions.map((condition) => condition.rule_data ?? null)).toEqual([
      null,
      'Forty',
      'Banks',
    ])
  })

  it('done twice changes nothing', () => {
    const once = enforceForList(setActive(sample(), 'opportunistic_tls', false), wish)
    const twice = enforceForList(once.document, { ...wish, list: 'forty' })
    expect(twice.document).toBe(once.document)
    expect([twice.data, twice.rule, twice.rest]).toEqual([once.data, once.rule, once.rest])
  })

  it('makes a rule act that was below delivery or switched off, and does not take a shadow for one', () => {
    const once = enforceForList(sample(), wish)
    const sunk = setActive(moveRule(once.document, once.rule, 99), once.rule, false)
    const again = enforceForList(sunk, wish)
    expect(again.rule).toBe(once.rule)
    expect(order(again.document)).toEqual(order(once.document))
    expect(findRule(again.document, once.rule)?.active).toBe(true)
    const rule = findRule(once.document, once.rule)
    const shadow = { ...once.document, rule: once.document.rule.map((r) => (r === rule ? { ...r, shadow: true } : r)) }
    expect(enforceForList(shadow, wish).rule).not.toBe(once.rule)
  })

  it('takes another name where a set of another kind has it', () => {
    const document = adopt({ rule: [], rule_data: [{ name: 'Forty', kind: 'text', values: 'x' }] })
    const done = enforceForList(document, wish)
    expect(findData(done.document, done.data)?.name).toBe('Forty 2')
  })

  it('adds to a set what it does not have', () => {
    expect(addText('one.example\r\n# two\n', ['TWO.example', ' ONE.example '])).toBe('one.example\r\n# two\nTWO.example\n')
    expect(addText('one.example', ['one.example'])).toBe('one.example')
    const done = enforceForList(deleteRule(sample(), '01ENFORCE'), { ...wish, list: 'partners' })
    expect(findData(done.document, '01PARTNERS')).toMatchObject({
      name: 'Partners',
      values: 'one.example\ntwo.example\na.example\nB.example\n',
    })
  })
})
