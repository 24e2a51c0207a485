// Partner check: the readiness of many domains, by pasted names or by a list of the policy; results are kept and can be
// taken away as CSV.

import { useMemo, useState } from 'react'
import { useWhyNot } from '../../app/session'
import { Banner, Button, Card, Checkbox, EmptyState, Loaded, Page, Segments, SelectField, type Column } from '../../design'
import { Time } from '../../lib/format'
import { t } from '../../lib/i18n'
import { useQuery } from '../../lib/query'
import '../mail/mail.css'
import { csv } from '../mail/csv'
import { dayOf } from '../../lib/period'
import { saveText } from '../../lib/save'
import { useWhole } from '../mail/useWhole'
import type { DataFacts, Level, PageOf, Probe } from '../../api/types'
import { levelWord } from '../mail/words'
import { CheckPanel } from './CheckPanel'
import { PasteBox, usePaste } from './PasteBox'
import { ReadinessTable } from './ReadinessTable'
import { because, entryStanding, hostNames, standing, starttls, versions, type Row } from './readiness'
import { entriesOf, NO_PREVIEW } from './paste'
import { useProbes } from './useProbes'

const levels: readonly Level[] = ['require', 'verify', 'try']

export default function Check() {
  const pasted = usePaste()
  const probes = useProbes()
  const why = useWhyNot('probe')
  const [source, setSource] = useState<'paste' | 'data'>('paste')
  const [level, setLevel] = useState<Level>('require')
  const [failing, setFailing] = useState(false)
  const sets = useQuery<PageOf<DataFacts>>('/rule-data', { query: { limit: 1000 } })
  const lists = sets.data?.items.filter((set) => set.kind === 'domains') ?? []
  const [chosen, setChosen] = useState('')
  const list = lists.find((set) => set.id === chosen) ?? lists[0]
  const values = useQuery<DataFacts>(source === 'data' && list !== undefined ? `/rule-data/${list.id}` : null)
  const domains = useMemo(() => {
    if (source === 'paste') return pasted.entries.map((entry) => entry.value)
    return entriesOf(values.data?.values ?? '', NO_PREVIEW).map((entry) => entry.value)
  }, [source, pasted.entries, values.data])
  const rows = useMemo(() => [...probes.rows.values()], [probes.rows])
  const shown = failing ? rows.filter((row) => row.state === 'failed' || (row.state === 'done' && entryStanding(row.probes, level) !== 'passes')) : rows

  return (
    <Page title={t('tls.checkTitle')} intro={t('tls.checkLead')} help={{ cli: 'gatepost tls probe --file list.txt', api: 'POST /api/v1/tls/probe', keys: ['dns.servers', 'delivery.ca_bundle'] }}>
      <Card>
        <Segments
          label={t('tls.source')}
          value={source}
          onValue={(value) => setSource(value as 'paste' | 'data')}
          choices={[
            { value: 'paste', label: t('tls.sourcePaste') },
            { value: 'data', label: t('tls.sourceData') },
          ]}
        />
        {source === 'paste' && <PasteBox pasted={pasted} label={t('tls.paste')} rows={8} />}
        {source === 'data' && lists.length === 0 && <Banner>{t('tls.noRuleData')}</Banner>}
        {source === 'data' && list !== undefined && <SelectField label={t('tls.ruleData')} value={list.id} onValue={setChosen} choices={lists.map((set) => ({ value: set.id, label: set.name }))} />}
        <div className="toolbar">
          <SelectField label={t('tls.checkLevel')} value={level} onValue={(value) => setLevel(value as Level)} choices={levels.map((value) => ({ value, label: levelWord(value) }))} />
        </div>
        <CheckPanel probes={probes} rows={rows} level={level} why={why ?? (domains.length === 0 ? t('tls.nothingToProbe') : null)} onCheck={() => probes.start(domains, level)} />
      </Card>
      {rows.length > 0 ? (
        <Card title={t('tls.results')} flush actions={<CsvButton rows={rows} level={level} />}>
          <div className="select-all">
            <Checkbox label={t('tls.onlyFailing')} checked={failing} onChecked={setFailing} />
          </div>
          {shown.length === 0 ? <EmptyState icon="ok" title={t('tls.allWork')} /> : <ReadinessTable caption={t('tls.results')} rows={shown} level={level} />}
        </Card>
      ) : (
        <Kept level={level} />
      )}
    </Page>
  )
}

/** What earlier probes showed: the last of each domain. */
function Kept({ level }: { level: Level }) {
  const kept = useWhole<Probe>('/tls/probes')
  const at: Column<Row> = { key: 'at', head: t('tls.keptAt'), cell: (row) => (row.state === 'done' && row.probes[0] !== undefined ? <Time at={row.probes[0].at} ago /> : '–') }
  return (
    <Loaded query={kept}>
      {(found) => {
        const rows: Row[] = found.map((probe) => ({ state: 'done', domain: probe.domain, probes: [probe] }))
        return (
          <Card title={t('tls.kept')} flush actions={rows.length > 0 && <CsvButton rows={rows} level={level} />}>
            {rows.length === 0 ? <EmptyState icon="checklist" title={t('tls.keptNone')} /> : <ReadinessTable caption={t('tls.kept')} rows={rows} level={level} extra={at} />}
          </Card>
        )
      }}
    </Loaded>
  )
}

function CsvButton({ rows, level }: { rows: readonly Row[]; level: Level }) {
  return (
    <Button small icon="download" onClick={() => saveText(`partner-check-${dayOf(new Date())}.csv`, 'text/csv', rowsCsv(rows, level))}>
      {t('mail.downloadCsv')}
    </Button>
  )
}

/** One line a domain; the words are those of the API, so that other programs can read it. */
function rowsCsv(rows: readonly Row[], level: Level): string {
  const head = ['domain', 'level', 'works', 'because', 'hosts', 'starttls', 'versions', 'certificate_until', 'probed_at']
  const lines = rows.flatMap((row) => {
    if (row.state === 'failed') return [[row.domain, level, 'unknown', row.problem, null, null, null, null, null]]
    if (row.state !== 'done') return []
    return row.probes.map((probe) => [
      probe.domain,
      level,
      standing(probe, level),
      because(probe, level).text,
      hostNames(probe.hosts).join(' '),
      starttls(probe.hosts),
      versions(probe.hosts).join(' '),
      probe.hosts.find((host) => host.certificate !== null)?.certificate?.not_after ?? null,
      probe.at,
    ])
  })
  return csv(head, lines)
}
