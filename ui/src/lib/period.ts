// Periods of whole days in UTC, as evidence and reports are made for. Both ends belong to the period.

export interface Period {
  /** The first day, `2026-10-01`. */
  from: string
  /** The last day, that day included. */
  to: string
}

const DAY = 86_400_000

/** The day of a moment in UTC. */
export function dayOf(moment: Date): string {
  return moment.toISOString().slice(0, 10)
}

/** Whether a text is a day of the calendar. */
export function isDay(text: string): boolean {
  if (!/^\d{4}-\d{2}-\d{2}$/.test(text)) return false
  const at = Date.parse(`${text}T00:00:00Z`)
  return Number.isFinite(at) && dayOf(new Date(at)) === text
}

/** What is wrong with a period, in a word; null where nothing is. */
export function periodProblem(period: Period): 'noDay' | 'backwards' | null {
  if (!isDay(period.from) || !isDay(period.to)) return 'noDay'
  return period.from > period.to ? 'backwards' : null
}

/** The first moment of a period and the first one after it, RFC 3339. */
export function moments(period: Period): { since: string; until: string } {
  const end = Date.parse(`${period.to}T00:00:00Z`) + DAY
  return { since: `${period.from}T00:00:00Z`, until: `${dayOf(new Date(end))}T00:00:00Z` }
}

/** Every day of a period, in order; a chart without holes needs also those on which nothing was sent. */
export function daysOf(period: Period): string[] {
  const days: string[] = []
  const end = Date.parse(`${period.to}T00:00:00Z`)
  for (let at = Date.parse(`${period.from}T00:00:00Z`); at <= end; at += DAY) days.push(dayOf(new Date(at)))
  return days
}
