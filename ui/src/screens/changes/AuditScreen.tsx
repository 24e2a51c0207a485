// The audit log: every write, newest first, with filters, the check of its chain, and the whole of it as a file.

import { useState } from 'react'
import type { AuditCheck, AuditEntry, PageOf } from '../../api/types'
import { roleName, useCan, useUser } from '../../app/session'
import type { ScreenProps } from '../../app/routes'
import { Banner, Button, Card, Dialog, EmptyState, ErrorBanner, ErrorState, Facts, Page, Pager, Skeleton, Table, TextField, SearchField } from '../../design'
import { EntryText } from '../../draft/difference'
import { api, type QueryValue } from '../../lib/api'
import { Time } from '../../lib/format'
import { t, wordOf } from '../../lib/i18n'
import { useAction, usePaged } from '../../lib/query'
import { useSearch } from '../../lib/router'
import { saveText } from '../../lib/save'
import { Inert } from '../mail/Inert'
import { Reason } from './ChangesScreen'

export default function AuditScreen(_: ScreenProps) {
  const may = useCan('read_audit')
  const user = useUser()
  const back = { to: '/changes', label: t('changes.back') }
  if (!may) {
    return (
      <Page title={t('changes.auditTitle')} back={back}>
        <Banner>{t('changes.mayNotAudit', { role: roleName(user.role) })}</Banner>
      </Page>
    )
  }
  return <Log back={back} />
}

const FILTERS = ['q', 'by', 'what', 'since', 'until'] as const

/** A day of a date field as the moment that it begins or ends, in the reader's zone. */
function moment(day: string, end: boolean): string | null {
  if (!/^\d{4}-\d{2}-\d{2}$/.test(day)) return null
  const date = new Date(`${day}T${end ? '23:59:59.999' : '00:00:00'}`)
  return Number.isNaN(date.getTime()) ? null : date.toISOString()
}

function Log({ back }: { back: { to: string; label: string } }) {
  const [params, setParams] = useSearch()
  const query: Record<string, QueryValue> = {
    q: params.get('q'),
    by: params.get('by'),
    what: params.get('what'),
    since: moment(params.get('since') ?? '', false),
    until: moment(params.get('until') ?? '', true),
  }
  const list = usePaged<AuditEntry>('/audit', { query })
  const [shown, setShown] = useState<AuditEntry | null>(null)
  return (
    <Page title={t('changes.auditTitle')} intro={t('changes.auditLead')} back={back} help={{ cli: 'gatepost audit list', api: 'GET /api/v1/audit' }} actions={<Export query={query} />}>
      <Verify />
      <div className="toolbar">
        <SearchField label={t('changes.filterText')} value={params.get('q') ?? ''} onValue={(q) => setParams({ q })} className="wide" />
        <TextField label={t('changes.filterBy')} value={params.get('by') ?? ''} onValue={(by) => setParams({ by })} />
        <TextField label={t('changes.filterWhat')} placeholder="policy.commit" value={params.get('what') ?? ''} onValue={(what) => setParams({ what })} />
        <TextField label={t('changes.filterSince')} type="date" value={params.get('since') ?? ''} onValue={(since) => setParams({ since })} />
        <TextField label={t('changes.filterUntil')} type="date" value={params.get('until') ?? ''} onValue={(until) => setParams({ until })} />
        <Button kind="quiet" onClick={() => setParams(Object.fromEntries(FILTERS.map((name) => [name, null])))}>
          {t('common.clear')}
        </Button>
      </div>
      {list.error !== null && <ErrorState error={list.error} retry={list.reload} />}
      {list.loading && <Skeleton lines={6} />}
      {!list.loading && list.error === null && list.items.length === 0 && <EmptyState icon="audit" title={t('changes.auditEmpty')} />}
      {list.items.length > 0 && (
        <Card flush>
          <Table
            caption={t('changes.auditTable')}
            rows={list.items}
            rowKey={(row) => String(row.seq)}
            columns={[
              { key: 'at', head: t('changes.at'), cell: (row) => <Time at={row.at} /> },
              { key: 'by', head: t('changes.who'), cell: (row) => <Who entry={row} /> },
              { key: 'what', head: t('changes.what'), names: true, cell: (row) => <code>{row.what}</code> },
              { key: 'target', head: t('changes.target'), cell: (row) => <span className="break">{row.target !== null ? <Inert text={row.target} /> : (row.revision === null ? '' : t('changes.revisionN', { n: String(row.revision) }))}</span> },
              { key: 'reason', head: t('changes.reason'), cell: (row) => <Reason text={row.reason} /> },
              { key: 'do', head: t('common.details'), hideHead: true, fit: true, cell: (row) => <Button small kind="quiet" icon="eye" label={t('changes.details', { n: String(row.seq) })} onClick={() => setShown(row)} /> },
            ]}
          />
          <Pager list={list} />
        </Card>
      )}
      {shown !== null && <Details entry={shown} onClose={() => setShown(null)} />}
    </Page>
  )
}

function Who({ entry }: { entry: AuditEntry }) {
  return (
    <span className="break">
      <Inert text={entry.by} />
      <br />
      <span className="muted small">
        {wordOf(`changes.via_${entry.via}`, entry.via)}
        {entry.from !== null && `, ${t('changes.from', { address: entry.from })}`}
      </span>
    </span>
  )
}

function Details({ entry, onClose }: { entry: AuditEntry; onClose: () => void }) {
  return (
    <Dialog open wide title={t('changes.details', { n: String(entry.seq) })} onClose={onClose}>
      <Facts
        rows={[
          [t('changes.at'), <Time key="at" at={entry.at} />],
          [t('changes.who'), <Who key="who" entry={entry} />],
          [t('changes.what'), <code key="what">{entry.what}</code>],
          [t('changes.target'), <Inert key="target" text={entry.target ?? '–'} />],
          [t('changes.reason'), <Reason key="reason" text={entry.reason} />],
          [t('changes.revision'), entry.revision === null ? '–' : String(entry.revision)],
          [t('changes.hash'), <code key="hash">{entry.hash}</code>],
        ]}
      />
      <div className="sides">
        <Side title={t('changes.before')} value={entry.before} />
        <Side title={t('changes.after')} value={entry.after} />
      </div>
    </Dialog>
  )
}

function Side({ title, value }: { title: string; value: unknown }) {
  return (
    <section className="side" aria-label={title}>
      <h3>{title}</h3>
      {value === null || value === undefined ? <span className="muted">{t('draft.nothing')}</span> : <EntryText value={value} />}
    </section>
  )
}

function Verify() {
  const [result, setResult] = useState<AuditCheck | null>(null)
  const ask = useAction(async () => setResult(await api.get<AuditCheck>('/audit/verify')))
  return (
    <div className="stack stack-sm">
      <div>
        <Button icon="evidence" busy={ask.busy} onClick={() => void ask.run()}>
          {t('changes.verify')}
        </Button>
      </div>
      <ErrorBanner error={ask.error} />
      {result !== null && (
        <Banner live tone={result.broken_at === null ? 'ok' : 'bad'} title={result.broken_at === null ? t('changes.verifyOk', { n: result.checked }) : t('changes.verifyBroken', { n: result.broken_at })}>
          {result.head !== null && (
            <p className="small">
              <code>{t('changes.head', { hash: result.head })}</code>
            </p>
          )}
        </Banner>
      )}
    </div>
  )
}

/** Reads all pages that fit the filters and hands them over as one file. */
function Export({ query }: { query: Record<string, QueryValue> }) {
  const [count, setCount] = useState(0)
  const ask = useAction(async () => {
    const entries: AuditEntry[] = []
    let cursor: string | null = null
    do {
      const page: PageOf<AuditEntry> = await api.get<PageOf<AuditEntry>>('/audit', { query: { ...query, cursor, limit: 1000 } })
      entries.push(...page.items)
      setCount(entries.length)
      cursor = page.next
    } while (cursor !== null)
    saveText('audit-log.json', 'application/json', `${JSON.stringify(entries, null, 2)}\n`)
  })
  return (
    <>
      <Button icon="download" busy={ask.busy} onClick={() => void ask.run()}>
        {ask.busy ? t('changes.exporting', { n: count }) : t('changes.export')}
      </Button>
      <ErrorBanner error={ask.error} />
    </>
  )
}
