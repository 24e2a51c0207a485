import { describe, expect, it } from 'vitest'
import { blankRule } from '../../draft/document'
import { sample } from '../../draft/samples'
import type { Condition } from '../../draft/types'
import { keyTarget } from './reorder'
import { actionText, conditionText, directionOf, searchText, word } from './words'

describe('rules in words', () => {
  it('are those of the guide', () => {
    expect(conditionText({ condition: 'direction', match: 'matches', value: 'outbound' })).toBe('Direction Matches Outbound')
    expect(conditionText({ condition: 'recipient', match: 'does_not_match', rule_data: 'TLS Enforced Domains' })).toBe('Recipient Does Not Match TLS Enforced Domains')
    expect(conditionText({ condition: 'header', name: 'X-Foo', match: 'exists' })).toBe('Header X-Foo Exists')
    expect(conditionText({ condition: 'sender', match: 'matches', value: ['a', 'b', 'c', 'd'] })).toBe('Sender Matches a, b, c … (4)')
    expect(actionText({ action: 'add_message_header', value: 'x-TLSLevel:Require' })).toBe('Add Message Header x-TLSLevel:Require')
    expect(word('final', 'quarantine_company')).toBe('Quarantine - Company')
    expect(word('condition', 'spam_score')).toBe('spam_score')
  })

  it('are found by what is in them', () => {
    const enforce = sample().rule[1]
    expect(enforce && searchText(enforce)).toContain('x-tlslevel:require')
    expect(enforce && searchText(enforce)).toContain('partners')
  })

  it('say which direction a rule is for', () => {
    const only = (condition: Condition) => directionOf({ ...blankRule(), conditions: [condition] })
    expect(only({ condition: 'direction', match: 'matches', value: 'outbound' })).toBe('outbound')
    expect(only({ condition: 'direction', match: 'does_not_match', value: 'outbound' })).toBe('inbound')
    expect(only({ condition: 'subject', match: 'matches', value: 'inbound' })).toBeNull()
    expect(sample().rule.slice(3).map(directionOf)).toEqual(['outbound', 'inbound', 'outbound'])
  })

  it('move by the keys of the list, and by no other', () => {
    expect([keyTarget('ArrowUp', 3, 9), keyTarget('ArrowDown', 3, 9), keyTarget('Home', 3, 9), keyTarget('End', 3, 9)]).toEqual([2, 4, 0, 8])
    expect(keyTarget('a', 3, 9)).toBeNull()
  })
})
