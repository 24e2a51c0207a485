// The TLS report: the share of TLS and of clear text over time, as a chart, as a table and as a file.

import { useMemo, useState } from 'react'
import { Banner, Button, Card, DateRange, EmptyState, lastDays, Loaded, Page, Table, TextField, type Column } from '../../design'
import { day, number, Time } from '../../lib/format'
import { currentLanguage, locale, t } from '../../lib/i18n'
import { useQuery } from '../../lib/query'
import { csv } from '../mail/csv'
import { Inert } from '../mail/Inert'
import '../mail/mail.css'
import { moments, periodProblem, type Period } from '../../lib/period'
import { saveText } from '../../lib/save'
import type { ReportDay, ReportRow, TlsReport } from '../../api/types'
import { VirtualTable } from '../mail/VirtualTable'
import { DayChart } from './DayChart'
import { everyDay, share, sums } from './series'

export default function Reports() {
  const [period, setPeriod] = useState<Period>(() => lastDays(30))
  const [domain, setDomain] = useState('')
  const problem = periodProblem(period)
  const query = problem === null ? { ...moments(period), domain: domain.trim() } : {}
  const report = useQuery<TlsReport>(problem === null ? '/tls/report' : null, { query })
  return (
    <Page title={t('reports.title')} intro={t('reports.lead')} help={{ cli: `gatepost tls report --since ${period.from} --by day`, api: `GET /api/v1/tls/report?since=${period.from}T00:00:00Z`, keys: ['retention.history'] }}>
      <div className="toolbar">
        <DateRange value={period} onValue={setPeriod} />
        <TextField label={t('reports.domain')} value={domain} onValue={setDomain} placeholder="partner.example" />
      </div>
      <p className="muted small">{t('mail.utcDays')}</p>
      {problem !== null && <Banner tone="warn">{t(`mail.${problem}`)}</Banner>}
      {problem === null && (
        <Loaded query={report} lines={10}>
          {(data) => <Report data={data} period={period} />}
        </Loaded>
      )}
    </Page>
  )
}

const percent = (value: number | null): string => (value === null ? '–' : `${new Intl.NumberFormat(locale(), { maximumFractionDigits: 1 }).format(value)} %`)

function Report({ data, period }: { data: TlsReport; period: Period }) {
  const days = useMemo(() => everyDay(data.days, period), [data, period])
  const sum = useMemo(() => sums(days), [days])
  const [open, setOpen] = useState(false)
  if (data.domains.length === 0 && sum.delivered + sum.waiting + sum.bounced === 0) {
    return <EmptyState icon="report" title={t('reports.empty')} />
  }
  const tiles = [
    ['tileShare', percent(share(sum.tls12 + sum.tls13, sum.delivered))],
    ['tileVerified', percent(share(sum.verified, sum.delivered))],
    ['tileClear', number(sum.none)],
    ['tileRefused', number(sum.waiting + sum.bounced)],
  ] as const
  return (
    <>
      <div className="figures">
        {tiles.map(([name, value]) => (
          <div className="figure" key={name}>
            <b>{value}</b>
            <span>{t(`reports.${name}`)}</span>
          </div>
        ))}
      </div>
      <Card title={t('reports.chart')} flush actions={<CsvButton label={t('reports.csvDays')} name={`tls-days-${period.from}-${period.to}.csv`} text={() => daysCsv(days)} />}>
        <div className="card-body">
        <DayChart days={days} key={currentLanguage()} label={t('reports.chartText', { from: day(period.from), to: day(period.to), tls13: sum.tls13, tls12: sum.tls12, none: sum.none })} />
          <div>
            <Button small icon="rules" aria-expanded={open} onClick={() => setOpen(!open)}>
              {t('reports.asTable')}
            </Button>
          </div>
        </div>
        {open && <Table scroll caption={t('reports.asTable')} columns={dayColumns()} rows={[...days].reverse()} rowKey={(one) => one.day} />}
      </Card>
      <Card title={t('reports.domains')} flush actions={<CsvButton label={t('reports.csvDomains')} name={`tls-domains-${period.from}-${period.to}.csv`} text={() => domainsCsv(data.domains)} />}>
        <VirtualTable name="report" caption={t('reports.domains')} columns={domainColumns()} rows={data.domains} rowKey={(row) => row.domain} total={data.domains.length} />
      </Card>
    </>
  )
}

function CsvButton({ label, name, text }: { label: string; name: string; text: () => string }) {
  return (
    <Button small icon="download" onClick={() => saveText(name, 'text/csv', text())}>
      {label}
    </Button>
  )
}

const dayKinds = ['tls13', 'tls12', 'none', 'verified', 'waiting', 'bounced'] as const

function dayColumns(): Column<ReportDay>[] {
  return [
    { key: 'day', head: t('reports.day'), names: true, cell: (one) => day(one.day) },
    ...dayKinds.map((kind) => ({ key: kind, head: t(`reports.${kind}`), end: true, cell: (one: ReportDay) => number(one[kind]) })),
  ]
}

const daysCsv = (days: ReportDay[]): string => csv(['day', ...dayKinds], days.map((one) => [one.day, ...dayKinds.map((kind) => one[kind])]))

const clearOf = (row: ReportRow): number => Object.values(row.in_clear).reduce((a, b) => a + b, 0)

function domainColumns(): Column<ReportRow>[] {
  return [
    { key: 'domain', head: t('mail.domain'), names: true, width: 'minmax(0, 2fr)', cell: (row) => <Inert text={row.domain} /> },
    { key: 'delivered', head: t('reports.delivered'), end: true, cell: (row) => number(row.delivered) },
    { key: 'tls', head: t('reports.overTls'), end: true, cell: (row) => number(row.over_tls) },
    { key: 'share', head: t('reports.share'), end: true, cell: (row) => percent(row.tls_share) },
    { key: 'verified', head: t('reports.verified'), end: true, cell: (row) => number(row.verified) },
    { key: 'clear', head: t('reports.clearText'), end: true, cell: (row) => number(clearOf(row)) },
    { key: 'waiting', head: t('reports.waiting'), end: true, cell: (row) => number(row.deferred_for_tls) },
    { key: 'bounced', head: t('reports.bounced'), end: true, cell: (row) => number(row.bounced_for_tls) },
    { key: 'now', head: t('reports.waitingNow'), end: true, cell: (row) => (row.waiting_for_tls === null ? '–' : number(row.waiting_for_tls)) },
    { key: 'last', head: t('reports.last'), width: 'minmax(0, 1.4fr)', cell: (row) => (row.last === null ? '–' : <Time at={row.last} ago />) },
  ]
}

function domainsCsv(rows: ReportRow[]): string {
  const head = ['domain', 'delivered', 'over_tls', 'tls_share', 'verified', 'in_clear', 'deferred_for_tls', 'bounced_for_tls', 'waiting_for_tls', 'last']
  return csv(
    head,
    rows.map((row) => [row.domain, row.delivered, row.over_tls, row.tls_share, row.verified, clearOf(row), row.deferred_for_tls, row.bounced_for_tls, row.waiting_for_tls, row.last]),
  )
}
