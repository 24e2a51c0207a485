/**
 * Carrying a draft over to a policy that somebody else published meanwhile.
 *
 * Three documents are compared by name: the base that both began with, mine and
 * theirs. What only one side changed is taken. Lines of a set are merged line by
 * line. What both sides changed differently is a conflict: nothing is chosen by
 * itself, and until a person has, theirs, which holds now, stands in the result.
 *
 * What always holds of the result: every name once, System Rules in their order.
 */

import { movedKeys } from './changes'
import { fold, renameReferences, same, valuesText } from './document'
import {
  isSystem,
  ruleName,
  SYSTEM_RULE_NAMES,
  SYSTEM_RULES,
  type PolicyDocument,
  type Rule,
  type RuleData,
} from './types'

export type Side = 'mine' | 'theirs'

export interface Conflict {
  /** What a choice is kept under: area and name. */
  id: string
  area: string
  /** The name for people; empty for an area without names and for the order. */
  name: string
  /** `entry`: its content; `order`: where rules stand. */
  kind: 'entry' | 'order'
  base: unknown
  /** `null`: taken out. */
  mine: unknown
  theirs: unknown
}

export interface Rebased {
  /** The draft over theirs; for conflicts without a choice, theirs. */
  document: PolicyDocument
  conflicts: Conflict[]
}

/** Choices by the conflict's id. */
export type Choices = Readonly<Record<string, Side>>

/** An entry of any named list, as the merge sees it. */
interface Item {
  /** Folded name in the base and in theirs; for one that I renamed, the base's. */
  id: string
  name: string
  value: { key?: string }
}

function itemsOf(list: readonly { key?: string }[], nameOf: (value: never) => string): Item[] {
  return list.map((value) => {
    const name = nameOf(value as never)
    return { id: fold(name), name, value }
  })
}

/** My items under the ids of the base: what I renamed is still the same thing. */
function mineUnderBase(base: Item[], mine: Item[]): Item[] {
  const old = new Map(base.map((item) => [item.value.key ?? item.id, item.id]))
  return mine.map((item) => ({ ...item, id: old.get(item.value.key ?? item.id) ?? item.id }))
}

function byId(items: Item[]): Map<string, Item> {
  return new Map(items.map((item) => [item.id, item]))
}

/** Merges the lines of a set where that can be done: same name and kind on all three sides. */
function mergedLines(base: RuleData, mine: RuleData, theirs: RuleData): RuleData | null {
  if (base.kind !== mine.kind || base.kind !== theirs.kind || base.kind === 'regex') return null
  const lines = (set: RuleData): string[] => valuesText(set.values).split(/\r?\n/)
  const was = new Set(lines(base).map(fold))
  const left = new Set(lines(mine).map(fold))
  const there = new Set(lines(theirs).map(fold))
  const kept = lines(theirs).filter((line) => !was.has(fold(line)) || left.has(fold(line)))
  const added = lines(mine).filter((line) => fold(line) !== '' && !was.has(fold(line)) && !there.has(fold(line)))
  while (kept.length > 0 && fold(kept[kept.length - 1] ?? '') === '') kept.pop()
  const name = fold(base.name) === fold(mine.name) ? theirs.name : mine.name
  return { ...theirs, name, values: `${[...kept, ...added].join('\n')}\n` }
}

/** The System Rules' ids in a merge: nobody moves them. */
const SYSTEM_IDS: ReadonlySet<string> = new Set(SYSTEM_RULES.map((word) => fold(SYSTEM_RULE_NAMES[word])))

type Verdict = { take: Item | null } | { conflict: true }

function judge(area: string, base: Item | undefined, mine: Item | undefined, theirs: Item | undefined): Verdict {
  if (same(mine?.value, theirs?.value)) return { take: theirs ?? null }
  if (same(base?.value, mine?.value)) return { take: theirs ?? null }
  if (same(base?.value, theirs?.value)) return { take: mine ?? null }
  if (area === 'rule_data' && base && mine && theirs) {
    const value = mergedLines(base.value as RuleData, mine.value as RuleData, theirs.value as RuleData)
    if (value) return { take: { id: base.id, name: value.name, value } }
  }
  return { conflict: true }
}

interface Merge {
  area: string
  choices: Choices
  conflicts: Conflict[]
}

/** The entries that stand in the end, by id, and the order that they get. */
function mergeItems(merge: Merge, base: Item[], mineRaw: Item[], theirs: Item[]): Item[] {
  const mine = mineUnderBase(base, mineRaw)
  const [b, m, t] = [byId(base), byId(mine), byId(theirs)]
  const chosen = new Map<string, Item>()
  for (const id of new Set([...b.keys(), ...t.keys(), ...m.keys()])) {
    const verdict = judge(merge.area, b.get(id), m.get(id), t.get(id))
    const conflictId = `${merge.area}:${id}`
    let take: Item | null | undefined
    if ('take' in verdict) {
      take = verdict.take
    } else {
      const sides = { base: b.get(id)?.value ?? null, mine: m.get(id)?.value ?? null, theirs: t.get(id)?.value ?? null }
      const name = (t.get(id) ?? m.get(id) ?? b.get(id))?.name ?? id
      merge.conflicts.push({ id: conflictId, area: merge.area, name, kind: 'entry', ...sides })
      take = merge.choices[conflictId] === 'mine' ? m.get(id) : t.get(id)
    }
    if (take) chosen.set(id, keyed(take, t.get(id)))
  }
  dropDoubleNames(merge, chosen, t)
  const order = mergedOrder(merge, base, mine, theirs).filter((id) => chosen.has(id))
  return order.flatMap((id) => chosen.get(id) ?? [])
}

/** A thing that theirs has too goes by their key: the draft's next base is theirs. */
function keyed(item: Item, theirs: Item | undefined): Item {
  if (!theirs || theirs.value.key === item.value.key) return item
  return { ...item, value: { ...item.value, key: theirs.value.key } }
}

/** I renamed to a name that they gave to another thing: theirs keeps it, mine is a conflict. */
function dropDoubleNames(merge: Merge, chosen: Map<string, Item>, theirs: Map<string, Item>): void {
  const owner = new Map<string, string>()
  for (const [id, item] of chosen) {
    const folded = fold(item.name)
    const other = owner.get(folded)
    if (other === undefined) {
      owner.set(folded, id)
      continue
    }
    const renamed = id === folded ? other : id
    const keeper = renamed === id ? other : id
    const conflictId = `${merge.area}:${renamed}:name`
    const sides = { base: null, mine: chosen.get(renamed)?.value ?? null, theirs: chosen.get(keeper)?.value ?? null }
    merge.conflicts.push({ id: conflictId, area: merge.area, name: item.name, kind: 'entry', ...sides })
    if (merge.choices[conflictId] === 'mine') {
      chosen.delete(keeper)
    } else {
      const back = theirs.get(renamed)
      if (back) chosen.set(renamed, back)
      else chosen.delete(renamed)
    }
    owner.set(folded, keeper)
  }
}

/** Puts ids where `guide` has them: directly behind what stands before them there. */
function insertAs(order: string[], guide: readonly string[], ids: ReadonlySet<string>): string[] {
  const result = order.filter((id) => !ids.has(id))
  guide.forEach((id, at) => {
    if (!ids.has(id)) return
    const there = new Set(result)
    let before = at - 1
    while (before >= 0 && !there.has(guide[before] ?? '')) before -= 1
    const place = before < 0 ? 0 : result.indexOf(guide[before] ?? '') + 1
    result.splice(place, 0, id)
  })
  return result
}

/** Their order, with what I moved and what I added where I put it. */
function mergedOrder(merge: Merge, base: Item[], mine: Item[], theirs: Item[]): string[] {
  const [b, m, t] = [base, mine, theirs].map((items) => items.map((item) => item.id)) as [string[], string[], string[]]
  const there = new Set(t)
  const anchors = merge.area === 'rule' ? SYSTEM_IDS : new Set<string>()
  let myMoves = movedKeys(b, m, anchors)
  const theirMoves = movedKeys(b, t, anchors)
  const both = [...myMoves].filter((id) => theirMoves.has(id) && there.has(id))
  const common = (order: string[], with_: string[]): string[] => order.filter((id) => with_.includes(id))
  if (merge.area === 'rule' && both.length > 0 && !same(common(m, t), common(t, m))) {
    const id = `${merge.area}::order`
    merge.conflicts.push({ id, area: merge.area, name: '', kind: 'order', base: b, mine: m, theirs: t })
    if (merge.choices[id] !== 'mine') myMoves = new Set([...myMoves].filter((moved) => !theirMoves.has(moved)))
  }
  const placedByMe = new Set(m.filter((id) => !there.has(id) || myMoves.has(id)))
  return insertAs(t, m, placedByMe)
}

/** The System Rules put back into their order, at the places that they take together. */
function withSystemOrder(rules: Rule[], order: readonly Rule[]): Rule[] {
  const queue = order.filter(isSystem).map((rule) => rule.system)
  const found = new Map(rules.filter(isSystem).map((rule) => [rule.system, rule]))
  const wanted = queue.flatMap((word) => found.get(word) ?? [])
  let next = 0
  return rules.map((rule) => (isSystem(rule) ? (wanted[next++] ?? rule) : rule))
}

/** The sets that I renamed: from the base's name to mine. */
function myRenames(base: PolicyDocument, mine: PolicyDocument): [string, string][] {
  const old = new Map(base.rule_data.map((set) => [set.key, set.name]))
  return mine.rule_data.flatMap((set): [string, string][] => {
    const was = old.get(set.key)
    return was !== undefined && was !== set.name ? [[was, set.name]] : []
  })
}

function renamed(rules: Rule[], renames: [string, string][]): Rule[] {
  return renames.reduce((now, [from, to]) => renameReferences(now, from, to), rules)
}

/** Merges a draft (`mine`, begun on `base`) into what holds now (`theirs`). */
export function rebase(
  base: PolicyDocument,
  mine: PolicyDocument,
  theirs: PolicyDocument,
  choices: Choices = {},
): Rebased {
  const conflicts: Conflict[] = []
  const merged: Record<string, unknown> = {}
  const renames = myRenames(base, mine)
  for (const area of new Set([...Object.keys(theirs), ...Object.keys(mine)])) {
    const merge: Merge = { area, choices, conflicts }
    const of = (document: PolicyDocument): unknown => (document as unknown as Record<string, unknown>)[area]
    switch (area) {
      case 'rule': {
        const items = (rules: Rule[]): Item[] => itemsOf(rules, ruleName as (value: never) => string)
        const list = mergeItems(
          merge,
          items(renamed(base.rule, renames)),
          items(mine.rule),
          items(renamed(theirs.rule, renames)),
        )
        merged.rule = withSystemOrder(
          list.map((item) => item.value as unknown as Rule),
          theirs.rule,
        )
        break
      }
      case 'rule_data':
      case 'domain': {
        const items = (document: PolicyDocument): Item[] =>
          itemsOf(
            document[area] as { key?: string }[],
            ((entry: { name: string }) => entry.name) as (value: never) => string,
          )
        merged[area] = mergeItems(merge, items(base), items(mine), items(theirs)).map((item) => item.value)
        break
      }
      case 'outbound_source': {
        const items = (document: PolicyDocument): Item[] =>
          itemsOf(
            document[area] as { key?: string }[],
            ((entry: { network: string }) => entry.network) as (value: never) => string,
          )
        merged[area] = mergeItems(merge, items(base), items(mine), items(theirs)).map((item) => item.value)
        break
      }
      default:
        merged[area] = mergeWhole(merge, of(base), of(mine), of(theirs))
    }
  }
  const document = merged as unknown as PolicyDocument
  return { document: followRenames(document, renames), conflicts }
}

/** An area without names: one side's, as a whole. */
function mergeWhole(merge: Merge, base: unknown, mine: unknown, theirs: unknown): unknown {
  if (same(mine, theirs) || same(base, mine)) return theirs
  if (same(base, theirs)) return mine
  const id = `${merge.area}:`
  merge.conflicts.push({ id, area: merge.area, name: '', kind: 'entry', base, mine, theirs })
  return merge.choices[id] === 'mine' ? mine : theirs
}

/** Where a rename of mine did not stand in the end, the rules go back to the name that did. */
function followRenames(document: PolicyDocument, renames: [string, string][]): PolicyDocument {
  const names = new Set(document.rule_data.map((set) => fold(set.name)))
  const lost = renames.filter(([from, to]) => !names.has(fold(to)) && names.has(fold(from)))
  const back = lost.map(([from, to]): [string, string] => [to, from])
  return back.length === 0 ? document : { ...document, rule: renamed(document.rule, back) }
}
