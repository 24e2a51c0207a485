// The cards beside *Enforce for a list*: whole set-ups made from Message Rules, in the draft, in one step. What always
// holds: a rule that is made acts on all outbound mail that no rule above it gave a level; done twice, nothing changes.

import { addData, addRule, blankRule, changeRule, fold, freshKey, moveRule, ruleNames, same, setActive, uniqueName } from '../../draft/document'
import { isSystem, type Action, type Condition, type CustomRule, type PolicyDocument } from '../../draft/types'

const EVERYWHERE_RULE = 'TLS Enforced everywhere'
const ALL_RULE = 'Opportunistic for all'

const OUTBOUND: Condition = { condition: 'direction', match: 'matches', value: 'outbound' }
const UNDECIDED: Condition = { condition: 'header', name: 'x-TLSLevel', match: 'does_not_exist' }

const recipient = (match: 'matches' | 'does_not_match', list: string): Condition => ({
  condition: 'recipient',
  match,
  rule_data: list,
})

/** Above the System Rules that look at outbound mail. */
function aboveDelivery(document: PolicyDocument): number {
  const at = document.rule.findIndex((rule) => isSystem(rule) && rule.system !== 'deliver_inbound')
  return at < 0 ? document.rule.length : at
}

/** Whether the System Rule that tries TLS is there and switched on. */
export function triesForAll(document: PolicyDocument): boolean {
  return document.rule.some((rule) => isSystem(rule) && rule.system === 'opportunistic_tls' && rule.active)
}

function without(condition: Condition): Condition {
  return { ...condition, rule_data: condition.rule_data ? fold(condition.rule_data) : null }
}

function find(document: PolicyDocument, conditions: Condition[], level: string): CustomRule | undefined {
  return document.rule.find(
    (rule): rule is CustomRule =>
      !isSystem(rule) &&
      !rule.shadow &&
      rule.final_action === 'none' &&
      rule.conditions.length === conditions.length &&
      conditions.every((wanted) => rule.conditions.some((had) => same(without(had), without(wanted)))) &&
      rule.actions.some((action) => isLevelField(action) && action.value.replace(/\s/g, '').toLowerCase() === `x-tlslevel:${level}`),
  )
}

const isLevelField = (action: Action): action is Extract<Action, { action: 'add_message_header' }> => action.action === 'add_message_header' && /^x-tlslevel\s*:/i.test(action.value.trim())

/** Makes a rule act, where it is switched off or stands too low, or adds it. */
function ensured(document: PolicyDocument, name: string, conditions: Condition[], level: 'Try' | 'Require' | 'Verify'): PolicyDocument {
  const there = find(document, conditions, level.toLowerCase())
  if (there === undefined) {
    const rule = {
      ...blankRule(uniqueName(name, ruleNames(document))),
      conditions,
      actions: [{ action: 'add_message_header' as const, value: `x-TLSLevel:${level}` }],
    }
    return addRule(document, rule, aboveDelivery(document))
  }
  const active = setActive(document, there.key, true)
  const above = aboveDelivery(active)
  const at = active.rule.findIndex((rule) => rule.key === there.key)
  return at < above ? active : moveRule(active, there.key, above)
}

/** Makes the list where it is not there; gives its name as the policy has it. */
function withList(document: PolicyDocument, list: string, text: string): [PolicyDocument, string] {
  const found = document.rule_data.find((set) => set.kind === 'domains' && fold(set.name) === fold(list))
  if (found !== undefined) return [document, found.name]
  const name = uniqueName(list.trim(), document.rule_data.map((set) => set.name))
  return [addData(document, { key: freshKey(), name, kind: 'domains', values: text }), name]
}

/**
 * The document with the rules that enforce a list at another level set to this one: one list has one level, and a
 * second rule below the first would never decide.
 */
export function atLevel(document: PolicyDocument, list: string, level: 'Require' | 'Verify'): PolicyDocument {
  const conditions = [OUTBOUND, recipient('matches', list)]
  const other = find(document, conditions, level === 'Require' ? 'verify' : 'require')
  if (other === undefined) return document
  const actions = other.actions.map((action) => (isLevelField(action) ? { action: 'add_message_header' as const, value: `x-TLSLevel:${level}` } : action))
  return changeRule(document, other.key, { actions })
}

/** Every outbound recipient that is not in the list has to be reached under TLS; the list is tried. */
export function enforceExcept(document: PolicyDocument, list: string, text: string, level: 'Require' | 'Verify'): PolicyDocument {
  const [listed, name] = withList(document, list, text)
  const enforced = ensured(listed, EVERYWHERE_RULE, [OUTBOUND, recipient('does_not_match', name), UNDECIDED], level)
  return opportunisticForAll(enforced)
}

/** Every outbound recipient that no rule gives a level is tried with TLS. */
export function opportunisticForAll(document: PolicyDocument): PolicyDocument {
  const system = document.rule.find((rule) => isSystem(rule) && rule.system === 'opportunistic_tls')
  if (system !== undefined) return setActive(document, system.key, true)
  return ensured(document, ALL_RULE, [OUTBOUND, UNDECIDED], 'Try')
}
