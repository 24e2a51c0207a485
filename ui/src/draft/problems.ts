/**
 * What the gateway says about a document, brought to the thing that it is about: a
 * JSON pointer names a rule by its place, the editor knows it by its key.
 */

import type { Finding, Problem } from '../api/types'
import { fold } from './document'
import { ruleName, type PolicyDocument } from './types'

/** The parts of a JSON pointer (RFC 6901); of one without a leading slash, too. */
export function pointerParts(pointer: string): string[] {
  const text = pointer.startsWith('#') ? pointer.slice(1) : pointer
  if (text === '' || text === '/') return []
  const parts = text.startsWith('/') ? text.slice(1).split('/') : text.split('/')
  return parts.map((part) => part.replace(/~1/g, '/').replace(/~0/g, '~'))
}

/** The problems of one entry of a list, with pointers from that entry on: `/conditions/0/value`. */
export function problemsAt(problems: readonly Problem[], area: 'rule' | 'rule_data', index: number): Problem[] {
  return problems.flatMap((problem) => {
    const [first, second, ...rest] = pointerParts(problem.pointer)
    if (first !== area || second !== String(index)) return []
    return [{ ...problem, pointer: rest.length === 0 ? '' : `/${rest.join('/')}` }]
  })
}

/** How many problems each rule has, by key. */
export function problemCounts(document: PolicyDocument, problems: readonly Problem[]): Map<string, number> {
  const counts = new Map<string, number>()
  for (const problem of problems) {
    const [area, index] = pointerParts(problem.pointer)
    const rule = area === 'rule' ? document.rule[Number(index)] : undefined
    if (rule) counts.set(rule.key, (counts.get(rule.key) ?? 0) + 1)
  }
  return counts
}

/** The findings about each rule, by key. */
export function findingsByRule(document: PolicyDocument, findings: readonly Finding[]): Map<string, Finding[]> {
  const keys = new Map(document.rule.map((rule) => [fold(ruleName(rule)), rule.key]))
  const found = new Map<string, Finding[]>()
  for (const finding of findings) {
    const key = finding.rule === null ? undefined : keys.get(fold(finding.rule))
    if (key !== undefined) found.set(key, [...(found.get(key) ?? []), finding])
  }
  return found
}

/** The first problem whose pointer is this one or below it; null where there is none. */
export function problemUnder(problems: readonly Problem[], pointer: string): Problem | null {
  return problems.find((problem) => problem.pointer === pointer || problem.pointer.startsWith(`${pointer}/`)) ?? null
}
