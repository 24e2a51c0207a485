// What a row or an editor does to the draft, each as one step with its name.

import { copyRule, deleteRule, replaceRule, setActive } from '../../draft/document'
import { draftStore } from '../../draft/state'
import { isSystem, ruleName, type Rule } from '../../draft/types'
import { t } from '../../lib/i18n'

/** Switches *Active* or *Shadow*. */
export function switchInDraft(rule: Rule, what: 'active' | 'shadow', on: boolean): void {
  const name = ruleName(rule)
  if (what === 'active') {
    draftStore.edit(t('rules.did_active', { name }), (document) => setActive(document, rule.key, on))
  } else if (!isSystem(rule)) {
    draftStore.edit(t('rules.did_shadow', { name }), (document) => replaceRule(document, { ...rule, shadow: on }))
  }
}

/** Puts a copy below a rule. */
export function copyInDraft(rule: Rule): void {
  draftStore.edit(t('rules.did_copy', { name: ruleName(rule) }), (document) => copyRule(document, rule.key, (name) => t('rules.copyName', { name }))[0])
}

/** Takes a rule out. */
export function deleteInDraft(rule: Rule): void {
  draftStore.edit(t('rules.did_delete', { name: ruleName(rule) }), (document) => deleteRule(document, rule.key))
}
