// A line chart over time, drawn by uPlot, with the same numbers as a table for those who cannot see it or would
// rather read. The colours are those of the theme, and every line also has a shape of dashes of its own.

import { useEffect, useRef, useState } from 'react'
import uPlot from 'uplot'
import 'uplot/dist/uPlot.min.css'
import { Button, Table } from '../design'
import { moment, number } from './format'
import { locale, t } from './i18n'
import './chart.css'

export interface Line {
  key: string
  label: string
  /** A custom property of the theme, `--accent`. */
  colour: string
  dash?: number[]
  values: readonly (number | null)[]
}

export interface ChartProps {
  /** What the chart shows, in a few words: its accessible name and the caption of its table. */
  label: string
  /** The moments of the values, RFC 3339. */
  at: readonly string[]
  lines: readonly Line[]
  /** How a moment is written in the table. */
  when?: (at: string) => string
  height?: number
}

export function Chart({ label, at, lines, when = moment, height = 220 }: ChartProps) {
  const [asTable, setAsTable] = useState(false)
  return (
    <div className="stack stack-sm">
      <div className="row row-between">
        <ul className="plain row chart-legend">
          {lines.map((line) => (
            <li key={line.key}>
              <Swatch line={line} />
              {line.label}
            </li>
          ))}
        </ul>
        <Button small icon={asTable ? 'report' : 'rules'} aria-pressed={asTable} onClick={() => setAsTable(!asTable)}>
          {t('common.asTable')}
        </Button>
      </div>
      {asTable ? (
        <Table
          scroll
          caption={label}
          rows={at}
          rowKey={(moment) => moment}
          columns={[
            { key: 'at', head: t('common.time'), names: true, cell: (moment) => when(moment) },
            ...lines.map((line) => ({ key: line.key, head: line.label, end: true, cell: (_: string, i: number) => (line.values[i] == null ? '–' : number(line.values[i])) })),
          ]}
        />
      ) : (
        <Drawing label={label} at={at} lines={lines} height={height} />
      )}
    </div>
  )
}

function Swatch({ line }: { line: Line }) {
  return (
    <svg className="chart-swatch" viewBox="0 0 24 6" aria-hidden="true">
      <line x1="0" y1="3" x2="24" y2="3" style={{ stroke: `var(${line.colour})` }} strokeWidth="2.5" strokeDasharray={line.dash?.join(' ')} />
    </svg>
  )
}

const themeColour = (name: string): string => getComputedStyle(document.documentElement).getPropertyValue(name).trim()

function Drawing({ label, at, lines, height }: Required<Pick<ChartProps, 'label' | 'at' | 'lines' | 'height'>>) {
  const box = useRef<HTMLDivElement>(null)
  const [theme, setTheme] = useState(document.documentElement.dataset.theme)
  useEffect(() => {
    const watcher = new MutationObserver(() => setTheme(document.documentElement.dataset.theme))
    watcher.observe(document.documentElement, { attributeFilter: ['data-theme'] })
    return () => watcher.disconnect()
  }, [])
  useEffect(() => {
    const element = box.current
    if (element === null) return undefined
    const axis = { stroke: themeColour('--muted'), grid: { stroke: themeColour('--line'), width: 1 }, ticks: { show: false }, font: `12px ${getComputedStyle(document.body).fontFamily}` }
    const plot = new uPlot(
      {
        width: element.clientWidth,
        height,
        legend: { show: false },
        cursor: { y: false, drag: { x: false, y: false } },
        fmtDate: (template: string) => axisDate(template),
        scales: { y: { range: (_, min, max) => [Math.min(0, min ?? 0), Math.max(4, (max ?? 0) * 1.08)] } },
        axes: [axis, { ...axis, size: 56, values: (_, splits) => splits.map((v) => (Number.isInteger(v) ? number(v) : '')) }],
        series: [{}, ...lines.map((line) => ({ label: line.label, stroke: themeColour(line.colour), width: 2, dash: line.dash, points: { show: at.length < 3 } }))],
      },
      [at.map((moment) => Date.parse(moment) / 1000), ...lines.map((line) => [...line.values])] as uPlot.AlignedData,
      element,
    )
    const sizes = new ResizeObserver(() => plot.setSize({ width: element.clientWidth, height }))
    sizes.observe(element)
    return () => {
      sizes.disconnect()
      plot.destroy()
    }
  }, [at, lines, height, theme])
  return <div ref={box} role="img" aria-label={label} className="chart" />
}

/** uPlot's date templates in the reader's locale: a time of day where one is asked for, else a date. */
function axisDate(template: string): (date: Date) => string {
  const hours = template.includes('{h}') || template.includes('{H}') || template.includes('{mm}')
  const days = template.includes('{D}') || template.includes('{DD}')
  const time = new Intl.DateTimeFormat(locale(), { hour: '2-digit', minute: '2-digit' })
  const date = new Intl.DateTimeFormat(locale(), days || hours ? { day: 'numeric', month: 'short' } : { month: 'short', year: 'numeric' })
  return (at) => [hours ? time.format(at) : '', days || !hours ? date.format(at) : ''].filter(Boolean).join('\n')
}
