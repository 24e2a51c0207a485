/**
 * What this version's Conditions and Actions can be: which match types a Condition
 * takes and what it can be compared with. The gateway checks the same when a policy
 * is published; here it decides what the editor offers.
 *
 * What always holds: whatever the editor makes of a Condition by changing one thing
 * is compared with at most one of value, pattern and set, and with a match type that
 * its Condition takes.
 */

import type { Action, ActionKind, Condition, ConditionKind, DataKind, Literal, MatchType } from './types'

/** What a Condition can be compared with. */
export type OperandKind = 'value' | 'regex' | 'rule_data' | 'nothing'

/** Every Condition of this version, in the order in which they are offered. */
export const CONDITION_KINDS: readonly ConditionKind[] = [
  'direction',
  'sender',
  'recipient',
  'recipient_count',
  'subject',
  'header',
  'size',
  'connection_ip',
  'own_domain',
]

/** Every Action of this version. */
export const ACTION_KINDS: readonly ActionKind[] = ['add_message_header', 'remove_message_header', 'set_tls_level']

/** The levels that *Set TLS Level* takes in this version, strictest last. */
export const TLS_LEVELS = ['plain', 'try', 'require', 'verify'] as const

const YES_OR_NO: readonly MatchType[] = ['matches', 'does_not_match']

/** The match types that a Condition takes, the usual one first. */
export function matchTypes(condition: Condition): readonly MatchType[] {
  switch (condition.condition) {
    case 'recipient_count':
      return ['greater_than', 'less_than', 'matches']
    case 'size':
      return ['greater_than', 'less_than']
    case 'header':
      return hasName(condition) ? ['matches', 'does_not_match', 'exists', 'does_not_exist'] : YES_OR_NO
    default:
      return YES_OR_NO
  }
}

/** The kinds of set that a Condition can be compared with; an inline value acts like the first. */
export function dataKinds(condition: Condition): readonly DataKind[] {
  switch (condition.condition) {
    case 'sender':
    case 'recipient':
      return ['domains', 'text', 'regex']
    case 'subject':
      return ['text', 'regex']
    case 'header':
      return hasName(condition) ? ['text', 'regex'] : ['regex']
    case 'connection_ip':
      return ['networks']
    default:
      return []
  }
}

/** What a Condition with its match type can be compared with, the usual one first. */
export function operandKinds(condition: Condition): readonly OperandKind[] {
  switch (condition.condition) {
    case 'direction':
    case 'recipient_count':
    case 'size':
      return ['value']
    case 'own_domain':
      return ['nothing']
    case 'sender':
    case 'recipient':
      return ['rule_data', 'value', 'regex']
    case 'subject':
      return ['value', 'rule_data', 'regex']
    case 'connection_ip':
      return ['value', 'rule_data']
    case 'header':
      if (condition.match === 'exists' || condition.match === 'does_not_exist') return ['nothing']
      return hasName(condition) ? ['value', 'rule_data', 'regex'] : ['regex', 'rule_data']
  }
}

function hasName(condition: Condition): boolean {
  return condition.name !== null && condition.name !== undefined
}

/** What a Condition is compared with now. */
export function operandOf(condition: Condition): OperandKind {
  if (condition.rule_data !== null && condition.rule_data !== undefined) return 'rule_data'
  if (condition.regex !== null && condition.regex !== undefined) return 'regex'
  if (condition.value !== null && condition.value !== undefined) return 'value'
  return operandKinds(condition)[0] ?? 'nothing'
}

function empty(condition: Condition, operand: OperandKind): Partial<Condition> {
  const none = { value: null, regex: null, rule_data: null }
  switch (operand) {
    case 'nothing':
      return none
    case 'value':
      return { ...none, value: condition.condition === 'direction' ? 'outbound' : '' }
    case 'regex':
      return { ...none, regex: '' }
    case 'rule_data':
      return { ...none, rule_data: '' }
  }
}

/** A new Condition, with its usual match type and nothing in it yet. */
export function blankCondition(kind: ConditionKind): Condition {
  const begun: Condition = { condition: kind, match: 'matches', name: kind === 'header' ? '' : null }
  const match = matchTypes(begun)[0] ?? 'matches'
  const condition = { ...begun, match }
  return { ...condition, ...empty(condition, operandKinds(condition)[0] ?? 'nothing') }
}

/** Brings match type and operand to what the Condition takes; what fits stays. */
export function fitting(condition: Condition): Condition {
  const allowed = matchTypes(condition)
  const match = allowed.includes(condition.match) ? condition.match : (allowed[0] ?? 'matches')
  const matched = { ...condition, match }
  const operands = operandKinds(matched)
  const operand = operandOf(matched)
  if (operands.includes(operand))
    return operandIsThere(matched, operand) ? matched : { ...matched, ...empty(matched, operand) }
  return { ...matched, ...empty(matched, operands[0] ?? 'nothing') }
}

function operandIsThere(condition: Condition, operand: OperandKind): boolean {
  return operand === 'nothing' || (condition[operand] !== null && condition[operand] !== undefined)
}

/** The Condition compared with something else. */
export function withOperand(condition: Condition, operand: OperandKind): Condition {
  if (operandOf(condition) === operand && operandIsThere(condition, operand)) return condition
  return { ...condition, ...empty(condition, operand) }
}

/** The inline value as one text, one value a line. */
export function valueText(value: Literal | null | undefined): string {
  if (value === null || value === undefined) return ''
  return Array.isArray(value) ? value.join('\n') : String(value)
}

/** The inline value that a text says: one line is a string, several are a list; a count is a number. */
export function valueOf(condition: Condition, text: string): Literal {
  if (condition.condition === 'recipient_count') {
    return /^\s*\d+\s*$/.test(text) ? Number(text) : text
  }
  if (!takesSeveral(condition)) return text
  const lines = text.split('\n')
  return lines.length > 1 ? lines : text
}

/** Whether an inline value may be a list. */
export function takesSeveral(condition: Condition): boolean {
  return ['sender', 'recipient', 'subject', 'header', 'connection_ip'].includes(condition.condition)
}

/** A new Action with nothing in it yet. */
export function blankAction(kind: ActionKind): Action {
  switch (kind) {
    case 'add_message_header':
      return { action: kind, value: '' }
    case 'remove_message_header':
      return { action: kind, name: '' }
    case 'set_tls_level':
      return { action: kind, value: 'require' }
  }
}
