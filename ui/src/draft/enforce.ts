/**
 * *Enforce for a list*: the administrator's guide, set up in one step.
 *
 * What always holds afterwards: mail out to a domain of the list meets one rule that
 * demands TLS, above everything of ours that delivers it; and where no System Rule
 * tries TLS for the rest, a rule does that names every enforced list with *Does Not
 * Match*, so that a message never carries two levels.
 */

import {
  addData,
  addText,
  addRule,
  blankRule,
  changeData,
  changeRule,
  findDataNamed,
  fold,
  freshKey,
  moveRule,
  ruleNames,
  same,
  setActive,
  uniqueName,
  valuesText,
} from './document'
import { isSystem, type Condition, type CustomRule, type PolicyDocument } from './types'

/** The levels that a list can be enforced at. */
export type EnforcedLevel = 'Require' | 'Verify'

export interface EnforceWish {
  /** The name of the set; an existing set of kind `domains` gains the lines. */
  list: string
  /** The domains, one a line, as they were typed. */
  text: string
  level: EnforcedLevel
}

export interface Enforced {
  document: PolicyDocument
  /** The key of the set. */
  data: string
  /** The key of the rule that enforces. */
  rule: string
  /** The key of the rule for the rest; `null` where the System Rule does it. */
  rest: string | null
}

/** The names that the rules get, and that the guide uses. */
const ENFORCED_RULE = 'TLS Enforced domains'
const REST_RULE = 'Opportunistic for the rest'

const OUTBOUND: Condition = { condition: 'direction', match: 'matches', value: 'outbound' }

function recipient(match: 'matches' | 'does_not_match', list: string): Condition {
  return { condition: 'recipient', match, rule_data: list }
}

function withList(document: PolicyDocument, wish: EnforceWish): [PolicyDocument, string, string] {
  const found = findDataNamed(document, wish.list)
  if (found?.kind === 'domains') {
    const values = addText(valuesText(found.values), wish.text.split('\n'))
    return [changeData(document, found.key, { values }), found.key, found.name]
  }
  const name = found
    ? uniqueName(
        wish.list,
        document.rule_data.map((set) => set.name),
      )
    : wish.list.trim()
  const key = freshKey()
  const set = { key, name, kind: 'domains' as const, values: addText('', wish.text.split('\n')) }
  return [addData(document, set), key, name]
}

/** Where a rule acts on all outbound mail: above whatever System Rule looks at it first. */
function aboveDelivery(document: PolicyDocument): number {
  const at = document.rule.findIndex((rule) => isSystem(rule) && rule.system !== 'deliver_inbound')
  return at < 0 ? document.rule.length : at
}

function isLevel(rule: CustomRule, level: string): boolean {
  const wanted = fold(`x-TLSLevel:${level}`)
  return rule.actions.some((action) => {
    if (action.action === 'set_tls_level') return fold(action.value) === fold(level)
    return action.action === 'add_message_header' && fold(action.value).replace(/\s*:\s*/, ':') === wanted
  })
}

function enforcingRule(document: PolicyDocument, list: string, level: EnforcedLevel): CustomRule | undefined {
  const conditions = [OUTBOUND, recipient('matches', list)]
  return document.rule.find(
    (rule): rule is CustomRule =>
      !isSystem(rule) &&
      !rule.shadow &&
      rule.final_action === 'none' &&
      isLevel(rule, level) &&
      rule.conditions.length === 2 &&
      conditions.every((wanted) => rule.conditions.some((had) => sameCondition(had, wanted))),
  )
}

function sameCondition(a: Condition, b: Condition): boolean {
  const folded = (condition: Condition): Condition => ({
    ...condition,
    rule_data: condition.rule_data ? fold(condition.rule_data) : null,
  })
  return same(folded(a), folded(b))
}

/** Makes the rule act, where it stands too low or is switched off. */
function effective(document: PolicyDocument, rule: CustomRule): PolicyDocument {
  const active = setActive(document, rule.key, true)
  const at = active.rule.findIndex((other) => other.key === rule.key)
  const above = aboveDelivery(active)
  return at < above ? active : moveRule(active, rule.key, above)
}

function withRule(document: PolicyDocument, list: string, level: EnforcedLevel): [PolicyDocument, string] {
  const there = enforcingRule(document, list, level)
  if (there) return [effective(document, there), there.key]
  const rule: CustomRule = {
    ...blankRule(uniqueName(ENFORCED_RULE, ruleNames(document))),
    conditions: [OUTBOUND, recipient('matches', list)],
    actions: [{ action: 'add_message_header', value: `x-TLSLevel:${level}` }],
  }
  return [addRule(document, rule, aboveDelivery(document)), rule.key]
}

/** A rule that tries TLS for everybody but some lists: outbound, and only *Does Not Match* beside. */
function restRule(document: PolicyDocument): CustomRule | undefined {
  return document.rule.find(
    (rule): rule is CustomRule =>
      !isSystem(rule) &&
      rule.active &&
      !rule.shadow &&
      isLevel(rule, 'Try') &&
      rule.conditions.some((condition) => sameCondition(condition, OUTBOUND)) &&
      rule.conditions.every(
        (condition) =>
          sameCondition(condition, OUTBOUND) ||
          (condition.condition === 'recipient' && condition.match === 'does_not_match' && Boolean(condition.rule_data)),
      ),
  )
}

function withRest(document: PolicyDocument, list: string): [PolicyDocument, string | null] {
  const there = restRule(document)
  if (there) {
    const wanted = recipient('does_not_match', list)
    if (there.conditions.some((had) => sameCondition(had, wanted))) return [document, there.key]
    return [changeRule(document, there.key, { conditions: [...there.conditions, wanted] }), there.key]
  }
  const tried = document.rule.some((rule) => isSystem(rule) && rule.system === 'opportunistic_tls' && rule.active)
  if (tried) return [document, null]
  const rule: CustomRule = {
    ...blankRule(uniqueName(REST_RULE, ruleNames(document))),
    conditions: [OUTBOUND, recipient('does_not_match', list)],
    actions: [{ action: 'add_message_header', value: 'x-TLSLevel:Try' }],
  }
  return [addRule(document, rule, aboveDelivery(document)), rule.key]
}

/** The document with a list enforced. Doing it twice changes nothing. */
export function enforceForList(document: PolicyDocument, wish: EnforceWish): Enforced {
  const [listed, data, name] = withList(document, wish)
  const [ruled, rule] = withRule(listed, name, wish.level)
  const [rested, rest] = withRest(ruled, name)
  return { document: rested, data, rule, rest }
}
