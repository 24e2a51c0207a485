import { describe, expect, it } from 'vitest'
import * as edit from './document'
import { order, received, sample } from './samples'
import { isSystem, type CustomRule } from './types'

const custom = (name: string): CustomRule => {
  const found = sample().rule.find((rule) => !isSystem(rule) && rule.name === name)
  if (!found || isSystem(found)) throw new Error(`no rule ${name}`)
  return found
}

describe('a document from the gateway', () => {
  it('comes back without our keys, whatever was edited', () => {
    const document = sample()
    expect(edit.same(edit.wire(document), received())).toBe(true)
    expect(JSON.stringify(edit.wire(document))).not.toContain('"key"')
  })

  it("has the gateway's ids as keys where they are known, and others where not", () => {
    const document = sample()
    expect(document.rule.map((rule) => rule.key)).toEqual([
      '01BLOCK',
      '01ENFORCE',
      '01TAG',
      'opportunistic_tls',
      'deliver_inbound',
      'deliver_outbound',
    ])
    expect(document.rule_data.map((set) => set.key)).toEqual(['01PARTNERS', 'data:blocked'])
  })

  it('gains what a short one leaves out, and keeps what we do not know', () => {
    const document = edit.adopt({ rule: [{ name: 'Short' }], tls_exception: [{ name: 'x' }] })
    expect(document.rule[0]).toMatchObject({ active: true, shadow: false, conditions: [], final_action: 'none' })
    expect(edit.wire(document)).toMatchObject({ tls_exception: [{ name: 'x' }], domain: [] })
  })

  it('gives two rules of one name keys of their own', () => {
    const document = edit.adopt({ rule: [{ name: 'A' }, { name: 'a' }] })
    expect(document.rule[0]?.key).not.toBe(document.rule[1]?.key)
  })
})

describe('sameness', () => {
  it('takes null for not there and does not see keys or their order', () => {
    expect(edit.same({ a: 1, b: null, key: 'x' }, { key: 'y', a: 1 })).toBe(true)
    expect(edit.same({ a: [1, 2] }, { a: [2, 1] })).toBe(false)
    expect(edit.same({ a: [] }, { a: {} })).toBe(false)
    expect(edit.same(null, 0)).toBe(false)
  })
})

describe('rules', () => {
  it('move past System Rules, which stay in their order', () => {
    const moved = edit.moveRule(sample(), '01ENFORCE', 5)
    expect(order(moved)).toEqual([
      'Block',
      'Tag',
      'opportunistic_tls',
      'deliver_inbound',
      'deliver_outbound',
      'Enforce',
    ])
    expect(order(edit.moveRule(moved, '01ENFORCE', 0))[0]).toBe('Enforce')
  })

  it('move no further than the ends, and not at all where nothing changes', () => {
    const document = sample()
    expect(order(edit.moveRule(document, '01TAG', 99)).at(-1)).toBe('Tag')
    expect(order(edit.moveRule(document, '01TAG', -7))[0]).toBe('Tag')
    expect(edit.moveRule(document, '01TAG', 2)).toBe(document)
    expect(edit.moveRule(document, 'nobody', 2)).toBe(document)
  })

  it('of the system neither move nor go, but can be switched off', () => {
    const document = sample()
    expect(edit.moveRule(document, 'deliver_outbound', 0)).toBe(document)
    expect(edit.deleteRule(document, 'deliver_outbound')).toBe(document)
    expect(edit.copyRule(document, 'deliver_outbound', (name) => name)).toEqual([document, null])
    expect(edit.setActive(document, 'deliver_outbound', false).rule.at(-1)).toEqual({
      key: 'deliver_outbound',
      system: 'deliver_outbound',
      active: false,
    })
  })

  it('begin above the first System Rule', () => {
    expect(order(edit.addRule(sample(), edit.blankRule('New')))[3]).toBe('New')
  })

  it('are copied below themselves, switched off, under a new name', () => {
    const [once] = edit.copyRule(sample(), '01BLOCK', (name) => `${name} copy`)
    const [twice, copy] = edit.copyRule(once, '01BLOCK', (name) => `${name} copy`)
    expect(order(twice).slice(0, 3)).toEqual(['Block', 'Block copy 2', 'Block copy'])
    expect(copy).toMatchObject({ active: false, final_action: 'delete' })
    expect(copy?.conditions).toEqual(custom('Block').conditions)
  })

  it('leave the document alone where a change changes nothing', () => {
    const document = sample()
    expect(edit.changeRule(document, '01TAG', { note: null, name: 'Tag' })).toBe(document)
    expect(edit.changeRule(document, '01TAG', { note: 'why' })).not.toBe(document)
  })
})

describe('sets', () => {
  it('are found by name without regard to case, and know their rules', () => {
    const document = sample()
    expect(edit.findDataNamed(document, ' PARTNERS ')?.key).toBe('01PARTNERS')
    expect(edit.usersOf(document, 'Partners').map((rule) => rule.name)).toEqual(['Enforce'])
  })

  it('are renamed in the rules too, and only there', () => {
    const document = sample()
    const renamed = edit.changeData(document, '01PARTNERS', { name: 'TLS partners' })
    expect(edit.usersOf(renamed, 'TLS partners').map((rule) => rule.name)).toEqual(['Enforce'])
    expect(edit.usersOf(renamed, 'Partners')).toEqual([])
    expect(renamed.rule[0]).toBe(document.rule[0])
  })

  it('stay while a rule names them', () => {
    const document = sample()
    expect(edit.deleteData(document, '01PARTNERS')).toBe(document)
    const free = edit.deleteRule(document, '01ENFORCE')
    expect(edit.deleteData(free, '01PARTNERS').rule_data.map((set) => set.name)).toEqual(['Blocked'])
  })
})
