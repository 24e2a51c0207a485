// Deliveries a day, clear text upon TLS 1.2 upon TLS 1.3. The chart is a picture with its sums as its description; the
// table below it has every number.

import { useEffect, useRef } from 'react'
import uPlot from 'uplot'
import 'uplot/dist/uPlot.min.css'
import { number } from '../../lib/format'
import { locale, t } from '../../lib/i18n'
import type { ReportDay } from '../../api/types'
import { KINDS, stacked, type Kind } from './series'
import './days.css'

const height = 260

export function DayChart({ days, label }: { days: ReportDay[]; label: string }) {
  const box = useRef<HTMLDivElement>(null)
  useEffect(() => {
    const element = box.current
    if (element === null) return undefined
    let chart: uPlot | null = null
    const draw = () => {
      chart?.destroy()
      chart = new uPlot(options(element.clientWidth), stacked(days) as uPlot.AlignedData, element)
    }
    draw()
    const sizes = new ResizeObserver(() => chart?.setSize({ width: element.clientWidth, height }))
    sizes.observe(element)
    // Colours are read when a chart is drawn: another theme needs another drawing.
    const themes = new MutationObserver(draw)
    themes.observe(document.documentElement, { attributeFilter: ['data-theme'] })
    return () => {
      sizes.disconnect()
      themes.disconnect()
      chart?.destroy()
    }
  }, [days])
  return (
    <figure className="stack stack-sm">
      <div className="day-legend" aria-hidden="true">
        {KINDS.map((kind) => (
          <span key={kind}>
            <i className={`series-${kind}`} />
            {t(`reports.${kind}`)}
          </span>
        ))}
      </div>
      <div ref={box} className="day-chart" role="img" aria-label={label} />
    </figure>
  )
}

const colour = (name: string): string => getComputedStyle(document.documentElement).getPropertyValue(name).trim()
const fillOf: Record<Kind, string> = { tls13: '--series-tls13', tls12: '--series-tls12', none: '--series-none' }

function options(width: number): uPlot.Options {
  const axis = { stroke: colour('--muted'), grid: { stroke: colour('--line'), width: 1 }, ticks: { stroke: colour('--line'), width: 1 }, font: `12px ${colour('--font')}` }
  const date = new Intl.DateTimeFormat(locale(), { day: 'numeric', month: 'short', timeZone: 'UTC' })
  const bars = uPlot.paths.bars?.({ size: [0.7, 48], align: 0 })
  // The tallest is drawn first; each of the others covers the foot of the one before.
  const drawn = [...KINDS].reverse()
  return {
    width,
    height,
    legend: { show: false },
    cursor: { show: false },
    scales: { x: { time: true, range: (_chart, low, high) => [low - 43_200, high + 43_200] }, y: { range: (_chart, _low, high) => [0, Math.max(1, high * 1.05)] } },
    axes: [
      { ...axis, values: (_chart, splits) => splits.map((at) => date.format(at * 1000)), incrs: [1, 2, 7, 14, 30, 90, 180, 365].map((days) => days * 86_400) },
      { ...axis, size: 56, values: (_chart, splits) => splits.map((value) => (Number.isInteger(value) ? number(value) : '')) },
    ],
    series: [{}, ...drawn.map((kind) => ({ fill: colour(fillOf[kind]), stroke: colour(fillOf[kind]), width: 0, paths: bars, points: { show: false } }))],
    tzDate: (at) => uPlot.tzDate(new Date(at * 1000), 'Etc/UTC'),
  }
}
