/**
 * Editing a policy document. Every function takes a document and gives a new one;
 * what did not change stays the same object, so that lists can tell at once.
 *
 * What always holds: System Rules keep their order among themselves and are never
 * deleted; names of rules and of sets are unique without regard to case wherever
 * these functions choose a name; a set that is renamed is renamed in the rules too.
 */

import type { WirePolicy } from '../api/types'
import {
  isSystem,
  ruleName,
  type Condition,
  type CustomRule,
  type PolicyDocument,
  type Rule,
  type RuleData,
} from './types'

/** How names of rules and of sets compare. */
export function fold(name: string): string {
  return name.trim().toLowerCase()
}

/** A key that nothing else has. It begins with `new-`: the gateway has no id for the thing yet. */
export function freshKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(8))
  return `new-${Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')}`
}

/** The ids that the gateway gave, by folded name. */
export interface KnownIds {
  rule: ReadonlyMap<string, string>
  rule_data: ReadonlyMap<string, string>
}

type Wire = Record<string, unknown>

function list(value: unknown): Wire[] {
  return Array.isArray(value) ? (value as Wire[]) : []
}

/** Makes a document of the gateway one that can be edited: everything is there, everything has a key. */
export function adopt(received: unknown, ids?: KnownIds): PolicyDocument {
  const wire = (received ?? {}) as Wire
  const taken = new Set<string>()
  const key = (wanted: string): string => {
    const free = taken.has(wanted) ? freshKey() : wanted
    taken.add(free)
    return free
  }
  const rule = list(wire.rule).map((entry): Rule => {
    if (typeof entry.system === 'string') {
      return { active: true, ...entry, key: key(entry.system) } as unknown as Rule
    }
    const name = String(entry.name ?? '')
    const id = ids?.rule.get(fold(name)) ?? `rule:${fold(name)}`
    const defaults = { active: true, shadow: false, conditions: [], actions: [], final_action: 'none' }
    return { ...defaults, ...entry, key: key(id) } as unknown as Rule
  })
  const sets = list(wire.rule_data).map((entry): RuleData => {
    const name = String(entry.name ?? '')
    const id = ids?.rule_data.get(fold(name)) ?? `data:${fold(name)}`
    return { values: '', ...entry, key: key(id) } as unknown as RuleData
  })
  return {
    ...wire,
    domain: list(wire.domain),
    outbound_source: list(wire.outbound_source),
    smart_host: list(wire.smart_host),
    tls_policy: list(wire.tls_policy),
    rule_data: sets,
    rule,
  } as unknown as PolicyDocument
}

function bare<T extends { key: string }>(entry: T): Omit<T, 'key'> {
  const { key: _, ...rest } = entry
  return rest
}

/** The document as the gateway takes it: without our keys. */
export function wire(document: PolicyDocument): WirePolicy {
  return { ...document, rule: document.rule.map(bare), rule_data: document.rule_data.map(bare) }
}

/** Whether two values are the same. What is `null` is not there; our keys do not count. */
export function same(a: unknown, b: unknown): boolean {
  if (a === b) return true
  if (a === null || a === undefined) return b === null || b === undefined
  if (typeof a !== 'object' || typeof b !== 'object' || b === null) return false
  if (Array.isArray(a) !== Array.isArray(b)) return false
  if (Array.isArray(a) && Array.isArray(b)) {
    return a.length === b.length && a.every((item, at) => same(item, b[at]))
  }
  const left = a as Wire
  const right = b as Wire
  const names = new Set([...Object.keys(left), ...Object.keys(right)])
  names.delete('key')
  return [...names].every((name) => same(left[name], right[name]))
}

/** The values of a set as text, one a line. */
export function valuesText(values: string | string[]): string {
  return Array.isArray(values) ? values.join('\n') : values
}

/** A name that no entry has yet: the wanted one, or with the first number that makes it new. */
export function uniqueName(wanted: string, names: Iterable<string>): string {
  const taken = new Set(Array.from(names, fold))
  if (!taken.has(fold(wanted))) return wanted
  for (let number = 2; ; number += 1) {
    const name = `${wanted} ${number}`
    if (!taken.has(fold(name))) return name
  }
}

/** The names that rules have; those of the System Rules count too. */
export function ruleNames(document: PolicyDocument): string[] {
  return document.rule.map(ruleName)
}

/** Where a rule stands, from 0; -1 where it is not there. */
export function indexOfRule(document: PolicyDocument, key: string): number {
  return document.rule.findIndex((rule) => rule.key === key)
}

/** The rule with a key. */
export function findRule(document: PolicyDocument, key: string): Rule | undefined {
  return document.rule.find((rule) => rule.key === key)
}

/** The set with a key. */
export function findData(document: PolicyDocument, key: string): RuleData | undefined {
  return document.rule_data.find((set) => set.key === key)
}

/** The set with a name. */
export function findDataNamed(document: PolicyDocument, name: string): RuleData | undefined {
  return document.rule_data.find((set) => fold(set.name) === fold(name))
}

/** Where a new rule goes when nobody says where: above the first System Rule, so that it acts. */
function usualPlace(document: PolicyDocument): number {
  const at = document.rule.findIndex(isSystem)
  return at < 0 ? document.rule.length : at
}

/** A rule with nothing in it. */
export function blankRule(name = ''): CustomRule {
  return {
    key: freshKey(),
    name,
    note: null,
    active: true,
    shadow: false,
    conditions: [],
    actions: [],
    final_action: 'none',
    reply: null,
  }
}

function placed<T>(items: readonly T[], at: number, item: T): T[] {
  return [...items.slice(0, at), item, ...items.slice(at)]
}

/** Puts a rule at a place, from 0; left out: its usual place. */
export function addRule(document: PolicyDocument, rule: CustomRule, at = usualPlace(document)): PolicyDocument {
  const place = Math.max(0, Math.min(at, document.rule.length))
  return { ...document, rule: placed(document.rule, place, rule) }
}

/** Puts another rule in the place of the one with its key. */
export function replaceRule(document: PolicyDocument, rule: Rule): PolicyDocument {
  return { ...document, rule: document.rule.map((old) => (old.key === rule.key ? rule : old)) }
}

/** Changes some fields of a custom rule. */
export function changeRule(
  document: PolicyDocument,
  key: string,
  change: Partial<Omit<CustomRule, 'key'>>,
): PolicyDocument {
  const rule = findRule(document, key)
  if (!rule || isSystem(rule)) return document
  const changed = { ...rule, ...change }
  return same(rule, changed) ? document : replaceRule(document, changed)
}

/** Switches a rule, a System Rule too, on or off. */
export function setActive(document: PolicyDocument, key: string, active: boolean): PolicyDocument {
  const rule = findRule(document, key)
  if (!rule || rule.active === active) return document
  return replaceRule(document, { ...rule, active })
}

/** Takes a rule out. System Rules stay. */
export function deleteRule(document: PolicyDocument, key: string): PolicyDocument {
  const rule = findRule(document, key)
  if (!rule || isSystem(rule)) return document
  return { ...document, rule: document.rule.filter((other) => other !== rule) }
}

/** Puts a copy directly below a rule, switched off: a copy that acts at once surprises. */
export function copyRule(
  document: PolicyDocument,
  key: string,
  nameOf: (name: string) => string,
): [PolicyDocument, CustomRule | null] {
  const at = indexOfRule(document, key)
  const rule = document.rule[at]
  if (!rule || isSystem(rule)) return [document, null]
  const copy: CustomRule = {
    ...structuredClone(rule),
    key: freshKey(),
    name: uniqueName(nameOf(rule.name), ruleNames(document)),
    active: false,
  }
  return [addRule(document, copy, at + 1), copy]
}

/**
 * Moves a rule to a place, from 0, as counted after it was taken out: the place it
 * then has. A System Rule stays where it is; custom rules may pass them.
 */
export function moveRule(document: PolicyDocument, key: string, to: number): PolicyDocument {
  const from = indexOfRule(document, key)
  const rule = document.rule[from]
  if (!rule || isSystem(rule)) return document
  const place = Math.max(0, Math.min(to, document.rule.length - 1))
  if (place === from) return document
  const rest = document.rule.filter((other) => other !== rule)
  return { ...document, rule: placed(rest, place, rule) }
}

/** Adds a set at the end. */
export function addData(document: PolicyDocument, set: RuleData): PolicyDocument {
  return { ...document, rule_data: [...document.rule_data, set] }
}

function renamedReference(condition: Condition, from: string, to: string): Condition {
  const named = condition.rule_data
  return named && fold(named) === fold(from) ? { ...condition, rule_data: to } : condition
}

/** The rules with one set called another name. */
export function renameReferences(rules: Rule[], from: string, to: string): Rule[] {
  if (from === to) return rules
  return rules.map((rule) => {
    if (isSystem(rule)) return rule
    const conditions = rule.conditions.map((condition) => renamedReference(condition, from, to))
    const touched = conditions.some((condition, at) => condition !== rule.conditions[at])
    return touched ? { ...rule, conditions } : rule
  })
}

/** Changes a set. Its new name follows in the rules. */
export function changeData(
  document: PolicyDocument,
  key: string,
  change: Partial<Omit<RuleData, 'key'>>,
): PolicyDocument {
  const set = findData(document, key)
  if (!set) return document
  const changed = { ...set, ...change }
  if (same(set, changed)) return document
  return {
    ...document,
    rule_data: document.rule_data.map((old) => (old === set ? changed : old)),
    rule: renameReferences(document.rule, set.name, changed.name),
  }
}

/** The rules that name a set, in their order. */
export function usersOf(document: PolicyDocument, name: string): CustomRule[] {
  return document.rule.filter(
    (rule): rule is CustomRule =>
      !isSystem(rule) &&
      rule.conditions.some((condition) => condition.rule_data && fold(condition.rule_data) === fold(name)),
  )
}

/** Takes a set out, unless a rule names it: then the document comes back unchanged. */
export function deleteData(document: PolicyDocument, key: string): PolicyDocument {
  const set = findData(document, key)
  if (!set || usersOf(document, set.name).length > 0) return document
  return { ...document, rule_data: document.rule_data.filter((other) => other !== set) }
}

/** A text of lines with those added that it does not have yet; case and blanks do not make another one. */
export function addText(text: string, lines: readonly string[]): string {
  const there = new Set(text.split(/\r?\n/).map(fold))
  const added: string[] = []
  for (const line of lines) {
    const folded = fold(line)
    if (folded === '' || there.has(folded)) continue
    there.add(folded)
    added.push(line.trim())
  }
  if (added.length === 0) return text
  const head = text.trimEnd()
  return `${head === '' ? '' : `${head}\n`}${added.join('\n')}\n`
}
