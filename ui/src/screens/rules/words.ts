// Rules in one line each, in the words of the page's language. Names, values and header lines stand as they
// were written.

import { operandOf, valueText } from '../../draft/conditions'
import { ruleName, isSystem, type Action, type Condition, type Rule } from '../../draft/types'
import { t, wordOf } from '../../lib/i18n'

/** A word of the policy file, as people read it; a word that this console does not know, as it is. */
export function word(kind: 'condition' | 'match' | 'action' | 'final' | 'direction', of: string): string {
  return wordOf(`rules.${kind}_${of}`, of)
}

/** What a Condition is compared with, in short. */
function operandText(condition: Condition): string {
  switch (operandOf(condition)) {
    case 'rule_data':
      return condition.rule_data ?? ''
    case 'regex':
      return `/${condition.regex ?? ''}/`
    case 'value': {
      const text = valueText(condition.value)
      if (condition.condition === 'direction') return word('direction', text)
      const lines = text.split('\n').filter((line) => line.trim() !== '')
      return lines.length > 3 ? `${lines.slice(0, 3).join(', ')} … (${lines.length})` : lines.join(', ')
    }
    case 'nothing':
      return ''
  }
}

/** What a Condition looks at: *Recipient*, or *Header X-Foo*. */
function subjectText(condition: Condition): string {
  const subject = word('condition', condition.condition)
  return condition.condition === 'header' && condition.name ? `${subject} ${condition.name}` : subject
}

/** A Condition as a sentence: *Recipient Matches TLS Enforced Domains*. */
export function conditionText(condition: Condition): string {
  return [subjectText(condition), word('match', condition.match), operandText(condition)].filter((part) => part !== '').join(' ')
}

/** An Action as a sentence: *Add Message Header x-TLSLevel:Require*. */
export function actionText(action: Action): string {
  const of = action.action === 'remove_message_header' ? action.name : action.value
  return `${word('action', action.action)} ${of}`
}

/** What a rule is found by. */
export function searchText(rule: Rule): string {
  if (isSystem(rule)) return `${ruleName(rule)} ${t('rules.system')}`.toLowerCase()
  const parts = [rule.name, rule.note ?? '', ...rule.conditions.map(conditionText), ...rule.actions.map(actionText), word('final', rule.final_action), rule.reply ?? '']
  return parts.join('\n').toLowerCase()
}

/** Which directions a rule is for, by its Conditions; null where it is for both. */
export function directionOf(rule: Rule): 'inbound' | 'outbound' | null {
  if (isSystem(rule)) return rule.system === 'deliver_inbound' ? 'inbound' : 'outbound'
  for (const condition of rule.conditions) {
    const text = condition.condition === 'direction' ? valueText(condition.value) : ''
    if (text !== 'inbound' && text !== 'outbound') continue
    const other = text === 'inbound' ? 'outbound' : 'inbound'
    return condition.match === 'matches' ? text : other
  }
  return null
}
