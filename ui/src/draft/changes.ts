/**
 * What a draft changes, counted: for the bar that says "Draft: 3 changes". The
 * gateway's own diff is what a person reviews; this one needs no round trip.
 */

import { same } from './document'
import { ruleName, SYSTEM_RULES, type Area, type PolicyDocument } from './types'

export interface Change {
  area: Area | string
  /** The name it has now, or had. */
  name: string
  change: 'added' | 'removed' | 'changed' | 'moved'
}

interface Named {
  key: string
  name: string
  value: unknown
}

/** The areas whose entries have a name of their own. The others are compared as a whole. */
function entries(document: PolicyDocument, area: string): Named[] | null {
  switch (area) {
    case 'rule':
      return document.rule.map((rule) => ({ key: rule.key, name: ruleName(rule), value: rule }))
    case 'rule_data':
      return document.rule_data.map((set) => ({ key: set.key, name: set.name, value: set }))
    case 'domain':
      return document.domain.map((domain) => ({ key: domain.name, name: domain.name, value: domain }))
    case 'outbound_source':
      return document.outbound_source.map((source) => ({ key: source.network, name: source.network, value: source }))
    default:
      return null
  }
}

/** The items of a sequence that did not move: a longest increasing run of their old places. */
function keptPlaces(places: readonly number[]): Set<number> {
  const ends: number[] = []
  const before: number[] = []
  places.forEach((place, at) => {
    let low = 0
    let high = ends.length
    while (low < high) {
      const middle = (low + high) >> 1
      if ((places[ends[middle] ?? 0] ?? 0) < place) low = middle + 1
      else high = middle
    }
    before[at] = low > 0 ? (ends[low - 1] ?? -1) : -1
    ends[low] = at
  })
  const kept = new Set<number>()
  for (let at = ends[ends.length - 1] ?? -1; at >= 0; at = before[at] ?? -1) kept.add(at)
  return kept
}

/**
 * The keys that stand elsewhere among the keys that both sequences have; as few as
 * can be. Anchors, whose order is the same in both, never count as moved: what went
 * past them did.
 */
export function movedKeys(
  base: readonly string[],
  now: readonly string[],
  anchors: ReadonlySet<string> = new Set(),
): Set<string> {
  const place = new Map(base.map((key, at) => [key, at]))
  const common = now.filter((key) => place.has(key))
  const passed = passedAnchors(common, place, anchors)
  const steady = common.filter((key) => !passed.has(key))
  const kept = keptPlaces(steady.map((key) => place.get(key) ?? 0))
  return new Set([...passed, ...steady.filter((_, at) => !kept.has(at))])
}

/** The keys that stand on another side of an anchor than before. */
function passedAnchors(now: string[], place: Map<string, number>, anchors: ReadonlySet<string>): Set<string> {
  const passed = new Set<string>()
  const places = now.filter((key) => anchors.has(key)).map((key) => place.get(key) ?? 0)
  let above = 0
  for (const key of now) {
    if (anchors.has(key)) {
      above += 1
    } else {
      const was = place.get(key) ?? 0
      if (places.filter((anchor) => anchor < was).length !== above) passed.add(key)
    }
  }
  return passed
}

function changesOfNamed(area: string, base: Named[], now: Named[]): Change[] {
  const old = new Map(base.map((entry) => [entry.key, entry]))
  const left = new Set(now.map((entry) => entry.key))
  const anchors = new Set<string>(SYSTEM_RULES)
  const moved = movedKeys(
    base.map((entry) => entry.key),
    now.map((entry) => entry.key),
    anchors,
  )
  const changes: Change[] = []
  for (const entry of now) {
    const was = old.get(entry.key)
    if (!was) changes.push({ area, name: entry.name, change: 'added' })
    else if (!same(was.value, entry.value)) changes.push({ area, name: entry.name, change: 'changed' })
    if (was && moved.has(entry.key)) changes.push({ area, name: entry.name, change: 'moved' })
  }
  for (const entry of base) {
    if (!left.has(entry.key)) changes.push({ area, name: entry.name, change: 'removed' })
  }
  return changes
}

/** Every change between two documents with common keys; empty where they are the same. */
export function changesOf(base: PolicyDocument, now: PolicyDocument): Change[] {
  if (base === now) return []
  const areas = new Set([...Object.keys(base), ...Object.keys(now)])
  return [...areas].flatMap((area): Change[] => {
    const was = (base as unknown as Record<string, unknown>)[area]
    const is = (now as unknown as Record<string, unknown>)[area]
    if (was === is) return []
    const named = [entries(base, area), entries(now, area)] as const
    if (named[0] && named[1]) return changesOfNamed(area, named[0], named[1])
    return same(was, is) ? [] : [{ area, name: '', change: 'changed' }]
  })
}
