// Domain by age as a table of numbers; colour says at a glance what the numbers say exactly. A cell narrows the filter.

import { useState } from 'react'
import { Button } from '../../design'
import { duration, number } from '../../lib/format'
import { locale, t } from '../../lib/i18n'
import type { QueueShape } from '../../api/types'
import { ages, demanded, fieldOf, narrowed, quoted, terms } from './filter'
import { columnAge, mostOf, totals, warmth } from './heat'

/** So many domains are shown before somebody asks for all. */
const first = 12

export function HeatMap({ shape, filter, onFilter }: { shape: QueueShape; filter: string; onFilter: (filter: string) => void }) {
  const [all, setAll] = useState(false)
  const most = mostOf(shape)
  const sums = totals(shape)
  const rows = all ? shape.rows : shape.rows.slice(0, first)
  const age = (column: number) => ageWord(shape, column)
  const chosenDomain = demanded(filter, 'domain')
  const chosenAge = terms(filter)
    .filter((term) => fieldOf(term) === 'age')
    .join(' and ')
  const ageOf = (column: number) => {
    const { from, to } = columnAge(shape, column)
    return ages(from, to)
  }
  const pressed = (domain: string | null, column: number | null) =>
    (domain === null ? chosenDomain === null : chosenDomain === domain) && (column === null ? chosenAge === '' : chosenAge === ageOf(column).join(' and '))
  /** What is chosen already is let go. */
  const pick = (domain: string | null, column: number | null) => {
    if (pressed(domain, column)) return onFilter(narrowed(filter, { domain: [], age: [] }))
    const wanted: Record<string, string[]> = {}
    if (domain !== null) wanted.domain = [`domain=${quoted(domain)}`]
    if (column !== null) wanted.age = ageOf(column)
    else if (domain !== null) wanted.age = []
    return onFilter(narrowed(filter, wanted))
  }
  return (
    <div className="table-wrap">
      <div className="table-scroll" role="region" aria-label={t('common.tableRegion', { caption: t('queue.shape') })} tabIndex={0}>
        <table className="heat">
          <caption className="hidden-text">{t('queue.shape')}</caption>
          <thead>
            <tr>
              <th scope="col" className="heat-name">
                {t('queue.shapeDomain')}
              </th>
              <th scope="col">{t('queue.shapeTotal')}</th>
              {sums.map((_, column) => (
                <th scope="col" key={column} title={age(column)}>
                  {ageHead(shape, column)}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            <tr>
              <th scope="row">{t('queue.shapeSum')}</th>
              <td>
                <span>{number(shape.rows.reduce((sum, row) => sum + row.total, 0))}</span>
              </td>
              {sums.map((sum, column) => (
                <td key={column}>
                  {sum === 0 ? (
                    <span>0</span>
                  ) : (
                    <button type="button" aria-pressed={pressed(null, column)} aria-label={t('queue.cell', { domain: t('queue.shapeSum'), age: age(column), n: sum })} onClick={() => pick(null, column)}>
                      {number(sum)}
                    </button>
                  )}
                </td>
              ))}
            </tr>
            {rows.map((row) => (
              <tr key={row.domain}>
                <th scope="row">
                  <button type="button" aria-pressed={pressed(row.domain, null)} onClick={() => pick(row.domain, null)}>
                    <bdi>{row.domain}</bdi>
                  </button>
                </th>
                <td>
                  <span className="strong">{number(row.total)}</span>
                </td>
                {sums.map((_, column) => {
                  const count = row.counts[column] ?? 0
                  if (count === 0) {
                    return (
                      <td key={column}>
                        <span>0</span>
                      </td>
                    )
                  }
                  return (
                    <td key={column} className={`heat-${String(warmth(count, most))}`}>
                      <button type="button" aria-pressed={pressed(row.domain, column)} aria-label={t('queue.cell', { domain: row.domain, age: age(column), n: count })} onClick={() => pick(row.domain, column)}>
                        {number(count)}
                      </button>
                    </td>
                  )
                })}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {!all && shape.rows.length > first && (
        <p className="row">
          <span className="muted">{t('queue.domainsMore', { n: shape.rows.length - first })}</span>
          <Button small onClick={() => setAll(true)}>
            {t('queue.showAllDomains')}
          </Button>
        </p>
      )}
    </div>
  )
}

function ageWord(shape: QueueShape, column: number): string {
  const { from, to } = columnAge(shape, column)
  if (to === null) return t('queue.ageOver', { span: duration(from) })
  return from === 0 ? t('queue.ageUnder', { span: duration(to) }) : t('queue.ageBetween', { from: duration(from), to: duration(to) })
}

/** The same for a head of a column: `< 5m`, `5–10m`, `2.7–5.3h`. */
function ageHead(shape: QueueShape, column: number): string {
  const { from, to } = columnAge(shape, column)
  if (to === null) return `≥ ${short(from)}`
  if (from === 0) return `< ${short(to)}`
  return unitOf(from) === unitOf(to) ? `${figure(from)}–${short(to)}` : `${short(from)}–${short(to)}`
}

const unitOf = (seconds: number): 'minute' | 'hour' => (seconds < 7200 ? 'minute' : 'hour')
const amount = (seconds: number): number => seconds / (unitOf(seconds) === 'minute' ? 60 : 3600)
const figure = (seconds: number): string => new Intl.NumberFormat(locale(), { maximumFractionDigits: 1 }).format(amount(seconds))
const short = (seconds: number): string =>
  new Intl.NumberFormat(locale(), { style: 'unit', unit: unitOf(seconds), unitDisplay: 'narrow', maximumFractionDigits: 1 }).format(amount(seconds))
