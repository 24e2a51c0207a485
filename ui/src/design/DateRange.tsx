// A period of whole days in UTC, as `2026-11-01` to `2026-11-30`, both included, with the usual ones at hand.

import { t } from '../lib/i18n'
import { dayOf, type Period } from '../lib/period'
import { SelectField, TextField } from './Field'

/** The last so many days, today included. */
export function lastDays(days: number, now: Date = new Date()): Period {
  return { from: dayOf(new Date(now.getTime() - (days - 1) * 86_400_000)), to: dayOf(now) }
}

/** A calendar month: 0 is this one, -1 the last one. */
export function month(offset: number, now: Date = new Date()): Period {
  const first = new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth() + offset, 1))
  const last = new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth() + offset + 1, 0))
  return { from: dayOf(first), to: dayOf(last) }
}

export function DateRange({ value, onValue }: { value: Period; onValue: (period: Period) => void }) {
  const presets: Record<string, Period> = { last7: lastDays(7), last30: lastDays(30), thisMonth: month(0), lastMonth: month(-1) }
  const chosen = Object.entries(presets).find(([, p]) => p.from === value.from && p.to === value.to)?.[0] ?? ''
  const wrong = value.from !== '' && value.to !== '' && value.from > value.to
  return (
    <>
      <SelectField
        label={t('common.period')}
        value={chosen}
        onValue={(name) => {
          const period = presets[name]
          if (period !== undefined) onValue(period)
        }}
        choices={[
          { value: '', label: '–' },
          { value: 'last7', label: t('common.last7') },
          { value: 'last30', label: t('common.last30') },
          { value: 'thisMonth', label: t('common.thisMonth') },
          { value: 'lastMonth', label: t('common.lastMonth') },
        ]}
      />
      <TextField type="date" label={t('common.from')} value={value.from} max={value.to} onValue={(from) => onValue({ ...value, from })} error={wrong ? t('common.periodWrong') : null} />
      <TextField type="date" label={t('common.to')} value={value.to} min={value.from} onValue={(to) => onValue({ ...value, to })} />
    </>
  )
}
