// Times, sizes, spans and counts as the reader's locale writes them. A time always carries its exact UTC value as
// its title, because logs and other people speak of that one.

import { locale, t } from './i18n'

/** A count, grouped. */
export const number = (value: number): string => new Intl.NumberFormat(locale()).format(value)

/** A share from 0 to 1 as per cent, one decimal below 100. Never rounded up to 100 or down to 0. */
export function percent(part: number, whole: number): string {
  if (whole <= 0) return '–'
  const share = part / whole
  const kept = share < 1 ? Math.min(share, 0.999) : 1
  const shown = kept > 0 ? Math.max(kept, 0.001) : 0
  return new Intl.NumberFormat(locale(), { style: 'percent', maximumFractionDigits: shown === 1 || shown === 0 ? 0 : 1 }).format(shown)
}

const sizes = ['B', 'KiB', 'MiB', 'GiB', 'TiB']

/** A size in bytes, in powers of 1024, as `50MiB` in the configuration has them. */
export function bytes(value: number): string {
  let size = value
  let step = 0
  while (size >= 1024 && step < sizes.length - 1) {
    size /= 1024
    step += 1
  }

  return `${new Intl.NumberFormat(locale(), { maximumFractionDigits: size < 10 && step > 0 ? 1 : 0 }).format(size)} ${sizes[step]}`
}

const units = [
  ['day', 86_400],
  ['hour', 3_600],
  ['minute', 60],
  ['second', 1],
] as const

/** A span in seconds, in its two largest units: `3 hours 20 minutes`. */
export function duration(seconds: number): string {
  let left = Math.max(0, Math.round(seconds))
  const parts: string[] = []
  for (const [unit, size] of units) {
    const count = Math.floor(left / size)
    if (count > 0 || (unit === 'second' && parts.length === 0)) {
      parts.push(new Intl.NumberFormat(locale(), { style: 'unit', unit, unitDisplay: 'long' }).format(count))
      left -= count * size
    } else if (parts.length > 0) break
    if (parts.length === 2) break
  }
  return parts.join(' ')
}

/** A moment in the reader's zone: date and time. */
export function moment(at: string): string {
  const date = new Date(at)
  if (Number.isNaN(date.getTime())) return at
  return new Intl.DateTimeFormat(locale(), { dateStyle: 'medium', timeStyle: 'medium' }).format(date)
}

/** A day, as `2026-11-24` names it; no zone is applied. */
export function day(at: string): string {
  const date = new Date(`${at.slice(0, 10)}T00:00:00Z`)
  if (Number.isNaN(date.getTime())) return at
  return new Intl.DateTimeFormat(locale(), { dateStyle: 'medium', timeZone: 'UTC' }).format(date)
}

/** A moment from here: `5 minutes ago`, `in 2 hours`. */
export function relative(at: string, now: number = Date.now()): string {
  const seconds = (new Date(at).getTime() - now) / 1000
  if (Number.isNaN(seconds)) return at
  const format = new Intl.RelativeTimeFormat(locale(), { numeric: 'auto' })
  for (const [unit, size] of units) {
    if (Math.abs(seconds) >= size) return format.format(Math.trunc(seconds / size), unit)
  }
  return format.format(0, 'second')
}

/** The exact moment in UTC, for titles. */
export const utc = (at: string): string => {
  const date = new Date(at)
  return Number.isNaN(date.getTime()) ? at : `${date.toISOString().replace('T', ' ').replace(/\.\d+Z$/, '')} UTC`
}

/** A time as an element: readable, with the exact one in UTC as its title. `ago` writes how long it is from now. */
export function Time({ at, ago = false }: { at: string | null | undefined; ago?: boolean }) {
  if (at === null || at === undefined) return <span className="muted">{t('common.never')}</span>
  return (
    <time dateTime={at} title={ago ? `${moment(at)} (${utc(at)})` : utc(at)}>
      {ago ? relative(at) : moment(at)}
    </time>
  )
}
