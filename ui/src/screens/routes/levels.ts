// The TLS levels of a way: what the policy file says, and how people say it.

import type { Choice } from '../../design'
import { t } from '../../lib/i18n'

const known = ['try', 'require', 'verify', 'plain'] as const

/** A level in words; one that this console does not know stays as it is written. */
export function levelName(level: string): string {
  const found = known.find((name) => name === level)
  return found === undefined ? level : t(`routes.level_${found}`)
}

/** The levels to choose from, with the present one even where it is not known. */
export function levelChoices(present: string): Choice[] {
  const all: string[] = known.some((name) => name === present) ? [...known] : [...known, present]
  return all.map((value) => ({ value, label: levelName(value) }))
}
