// The shape of a trace, as `rules trace --json` and `POST /trace` give it.

import type { RecipientTrace, StepTrace } from '../../api/types'

/** A value of a trace as text: a string as it is, several one a line, nothing as the given word. */
export function shown(value: unknown, nothing: string): string {
  if (value === null || value === undefined) return nothing
  if (Array.isArray(value)) return value.map((item) => shown(item, nothing)).join('\n')
  return typeof value === 'string' ? value : JSON.stringify(value)
}

/** The rule that ended the walk; null where none did, or where a Condition could not be told. */
export function endingStep(trace: RecipientTrace): StepTrace | null {
  const unended = trace.warnings.some((warning) => warning.startsWith('no-final-action') || warning.startsWith('undecided'))
  const last = trace.steps.at(-1)
  return !unended && last?.matched === true ? last : null
}
