import { describe, expect, it } from 'vitest'
import { changesOf, movedKeys } from './changes'
import {
  addRule,
  adopt,
  blankRule,
  changeData,
  changeRule,
  deleteRule,
  findRule,
  moveRule,
  setActive,
  wire,
} from './document'
import { rebase } from './rebase'
import { IDS, order, received, rule, sample } from './samples'
import type { PolicyDocument } from './types'

/** What somebody else published, as it comes from the gateway: with keys of its own. */
function theirs(change: (document: PolicyDocument) => PolicyDocument): PolicyDocument {
  return adopt(wire(change(sample())), IDS)
}

const named = (name: string) => ({ ...blankRule(name) })

describe('counting changes', () => {
  it('sees each once, and a rule that went past System Rules as the one that moved', () => {
    const base = sample()
    expect(changesOf(base, base)).toEqual([])
    expect(changesOf(base, moveRule(base, '01BLOCK', 5))).toEqual([{ area: 'rule', name: 'Block', change: 'moved' }])
    expect(changesOf(base, moveRule(base, '01TAG', 5))).toEqual([{ area: 'rule', name: 'Tag', change: 'moved' }])
    const edited = addRule(deleteRule(setActive(base, 'deliver_inbound', false), '01TAG'), named('New'))
    expect(changesOf(base, edited)).toEqual([
      { area: 'rule', name: 'New', change: 'added' },
      { area: 'rule', name: 'Deliver Inbound', change: 'changed' },
      { area: 'rule', name: 'Tag', change: 'removed' },
    ])
  })

  it('counts a renamed set and the rule that follows it', () => {
    const base = sample()
    expect(changesOf(base, changeData(base, '01PARTNERS', { name: 'P' })).map((change) => change.name)).toEqual([
      'P',
      'Enforce',
    ])
  })

  it('calls as few as can be moved', () => {
    expect([...movedKeys(['a', 'b', 'c', 'd'], ['d', 'a', 'b', 'c'])]).toEqual(['d'])
    expect(movedKeys(['a', 'b'], ['a', 'x', 'b']).size).toBe(0)
  })
})

describe('rebasing', () => {
  it('takes what only one side changed, of one rule each', () => {
    const base = sample()
    const mine = changeRule(base, '01TAG', { note: 'mine' })
    const other = theirs((document) => addRule(changeRule(document, '01BLOCK', { active: false }), named('Theirs'), 0))
    const { document, conflicts } = rebase(base, mine, other)
    expect(conflicts).toEqual([])
    expect(order(document)[0]).toBe('Theirs')
    expect(findRule(document, '01TAG')).toMatchObject({ note: 'mine' })
    expect(findRule(document, '01BLOCK')).toMatchObject({ active: false })
  })

  it('keeps my additions behind what they stood behind', () => {
    const base = sample()
    const mine = addRule(base, named('Mine'), 2)
    const other = theirs((document) => moveRule(document, '01ENFORCE', 0))
    expect(order(rebase(base, mine, other).document)).toEqual([
      'Enforce',
      'Mine',
      'Block',
      'Tag',
      'opportunistic_tls',
      'deliver_inbound',
      'deliver_outbound',
    ])
  })

  it('does what both did once', () => {
    const base = sample()
    const mine = addRule(deleteRule(base, '01TAG'), named('Same'), 0)
    const other = theirs((document) => addRule(deleteRule(document, '01TAG'), named('Same'), 0))
    const merged = rebase(base, mine, other)
    expect(merged.conflicts).toEqual([])
    expect(order(merged.document).filter((name) => name === 'Same')).toHaveLength(1)
    expect(changesOf(other, merged.document)).toEqual([])
  })

  it('chooses nothing where both changed a rule differently', () => {
    const base = sample()
    const mine = changeRule(base, '01ENFORCE', { active: false })
    const other = theirs((document) => changeRule(document, '01ENFORCE', { shadow: true }))
    const open = rebase(base, mine, other)
    expect(open.conflicts.map(({ id, name, kind }) => ({ id, name, kind }))).toEqual([
      { id: 'rule:enforce', name: 'Enforce', kind: 'entry' },
    ])
    expect(findRule(open.document, '01ENFORCE')).toMatchObject({ active: true, shadow: true })
    const chosen = rebase(base, mine, other, { 'rule:enforce': 'mine' })
    expect(findRule(chosen.document, '01ENFORCE')).toMatchObject({ active: false, shadow: false })
  })

  it('asks where one took out what the other changed', () => {
    const base = sample()
    const mine = deleteRule(base, '01ENFORCE')
    const other = theirs((document) => changeRule(document, '01ENFORCE', { note: 'theirs' }))
    expect(rebase(base, mine, other).conflicts).toMatchObject([{ name: 'Enforce', mine: null }])
    expect(order(rebase(base, mine, other, { 'rule:enforce': 'mine' }).document)).not.toContain('Enforce')
    expect(order(rebase(base, mine, other, { 'rule:enforce': 'theirs' }).document)).toContain('Enforce')
  })

  it('merges the lines of a set', () => {
    const base = sample()
    const mine = changeData(base, '01PARTNERS', { values: 'one.example\ntwo.example\nmine.example\n' })
    const other = theirs((document) => changeData(document, '01PARTNERS', { values: 'two.example\ntheirs.example\n' }))
    const merged = rebase(base, mine, other)
    expect(merged.conflicts).toEqual([])
    expect(merged.document.rule_data[0]?.values).toBe('two.example\ntheirs.example\nmine.example\n')
  })

  it('follows my rename into the rules that they added or changed', () => {
    const base = sample()
    const mine = changeData(base, '01PARTNERS', { name: 'Renamed' })
    const other = adopt(
      {
        ...wire(sample()),
        rule: [
          rule('Late', { conditions: [{ condition: 'sender', match: 'matches', rule_data: 'Partners' }] }),
          ...(received().rule as []),
        ],
      },
      IDS,
    )
    const merged = rebase(base, mine, other)
    expect(merged.conflicts).toEqual([])
    const used = merged.document.rule.flatMap((entry) =>
      'conditions' in entry ? entry.conditions.flatMap((c) => c.rule_data ?? []) : [],
    )
    expect(used).toEqual(['Renamed', 'Blocked', 'Renamed'])
  })

  it('keeps both orders where different rules moved, and asks where the same one did', () => {
    const base = sample()
    const other = theirs((document) => moveRule(document, '01TAG', 0))
    const apart = rebase(base, moveRule(base, '01BLOCK', 5), other)
    expect(apart.conflicts).toEqual([])
    expect(order(apart.document)).toEqual([
      'Tag',
      'Enforce',
      'opportunistic_tls',
      'deliver_inbound',
      'deliver_outbound',
      'Block',
    ])
    const mine = moveRule(base, '01TAG', 5)
    expect(rebase(base, mine, other).conflicts).toMatchObject([{ kind: 'order', id: 'rule::order' }])
    expect(order(rebase(base, mine, other, { 'rule::order': 'mine' }).document).at(-1)).toBe('Tag')
    expect(order(rebase(base, mine, other, { 'rule::order': 'theirs' }).document)[0]).toBe('Tag')
  })

  it('never leaves two things of one name', () => {
    const base = sample()
    const mine = changeRule(base, '01TAG', { name: 'Clash' })
    const other = theirs((document) => addRule(document, named('clash'), 0))
    const open = rebase(base, mine, other)
    expect(open.conflicts).toHaveLength(1)
    expect(
      order(open.document)
        .map((name) => name.toLowerCase())
        .filter((name) => name === 'clash'),
    ).toHaveLength(1)
    expect(order(open.document)).toContain('Tag')
    const id = open.conflicts[0]?.id ?? ''
    expect(order(rebase(base, mine, other, { [id]: 'mine' }).document)).toContain('Clash')
  })

  it('takes whole what has no names, and asks where both changed it', () => {
    const base = sample()
    const host = { domains: ['*'], host: 'a', port: 25, tls: 'try', implicit_tls: false }
    const mine = { ...base, smart_host: [host] }
    expect(
      rebase(
        base,
        mine,
        theirs((document) => document),
      ).document.smart_host,
    ).toEqual([host])
    const other = theirs((document) => ({ ...document, smart_host: [{ ...host, host: 'b' }] }))
    expect(rebase(base, mine, other).conflicts).toMatchObject([{ area: 'smart_host' }])
  })

  it('keeps the System Rules in order whatever both did', () => {
    const base = sample()
    for (let mineTo = 0; mineTo < 6; mineTo += 1) {
      for (let theirTo = 0; theirTo < 6; theirTo += 1) {
        const other = theirs((document) => moveRule(document, '01TAG', theirTo))
        for (const side of ['mine', 'theirs'] as const) {
          const merged = rebase(base, moveRule(base, '01BLOCK', mineTo), other, { 'rule::order': side }).document
          expect(order(merged).filter((name) => name.includes('_'))).toEqual([
            'opportunistic_tls',
            'deliver_inbound',
            'deliver_outbound',
          ])
          expect(new Set(order(merged)).size).toBe(6)
        }
      }
    }
  })
})
