// Days of the TLS report as columns of a chart. Every day of the period is there, also one without mail.

import { daysOf, type Period } from '../../lib/period'
import type { ReportDay } from '../../api/types'

export const KINDS = ['tls13', 'tls12', 'none'] as const
export type Kind = (typeof KINDS)[number]

/** A day without mail. */
function empty(day: string): ReportDay {
  return { day, none: 0, tls12: 0, tls13: 0, verified: 0, waiting: 0, bounced: 0 }
}

/** Every day of the period, in order. */
export function everyDay(days: ReportDay[], period: Period): ReportDay[] {
  const known = new Map(days.map((day) => [day.day.slice(0, 10), day]))
  return daysOf(period).map((day) => known.get(day) ?? empty(day))
}

/** Columns that are drawn upon each other, tallest first: of each day its seconds, all, without clear text, TLS 1.3 alone. */
export function stacked(days: ReportDay[]): [number[], number[], number[], number[]] {
  return [
    days.map((day) => Date.parse(`${day.day.slice(0, 10)}T00:00:00Z`) / 1000),
    days.map((day) => day.tls13 + day.tls12 + day.none),
    days.map((day) => day.tls13 + day.tls12),
    days.map((day) => day.tls13),
  ]
}

/** The sums over all days. */
export function sums(days: ReportDay[]): Omit<ReportDay, 'day'> & { delivered: number } {
  const sum = { none: 0, tls12: 0, tls13: 0, verified: 0, waiting: 0, bounced: 0, delivered: 0 }
  for (const day of days) {
    sum.none += day.none
    sum.tls12 += day.tls12
    sum.tls13 += day.tls13
    sum.verified += day.verified
    sum.waiting += day.waiting
    sum.bounced += day.bounced
    sum.delivered += day.none + day.tls12 + day.tls13
  }
  return sum
}

/** A share in percent, rounded down to a tenth: what is said to be 100 % had no exception. Null of nothing. */
export function share(part: number, whole: number): number | null {
  return whole === 0 ? null : Math.floor((part * 1000) / whole) / 10
}
