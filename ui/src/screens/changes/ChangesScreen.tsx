// Changes: every revision of the policy, the difference between any two, and the way back to one.

import { useState } from 'react'
import type { Revision } from '../../api/types'
import { useCan } from '../../app/session'
import type { ScreenProps } from '../../app/routes'
import { Button, ButtonLink, Card, Chip, EmptyState, ErrorState, Menu, Page, Pager, Skeleton, Table, TextField, type MenuEntry } from '../../design'
import { Time } from '../../lib/format'
import { t } from '../../lib/i18n'
import { usePaged } from '../../lib/query'
import { Link, navigate, useSearch } from '../../lib/router'
import { Inert } from '../mail/Inert'
import { DifferenceView } from './DifferenceView'
import { comparison } from './revisions'
import { Rollback } from './Rollback'

export default function ChangesScreen(_: ScreenProps) {
  const list = usePaged<Revision>('/policy/revisions', { refresh: 60 })
  const mayEdit = useCan('edit_policy')
  const mayAudit = useCan('read_audit')
  const [back, setBack] = useState<number | null>(null)
  const current = list.items[0]?.revision ?? 0
  return (
    <Page
      title={t('changes.title')}
      intro={t('changes.lead')}
      help={{ cli: 'gatepost policy history', api: 'GET /api/v1/policy/revisions' }}
      actions={
        mayAudit && (
          <ButtonLink to="/changes/audit" icon="audit">
            {t('changes.toAudit')}
          </ButtonLink>
        )
      }
    >
      {list.error !== null && <ErrorState error={list.error} retry={list.reload} />}
      {list.loading && <Skeleton lines={6} />}
      {!list.loading && list.items.length === 0 && list.error === null && (
        <EmptyState icon="changes" title={t('changes.empty')}>
          {t('changes.emptyText')}
        </EmptyState>
      )}
      {list.items.length > 0 && (
        <>
          {list.items.length > 1 && <Compare newest={current} />}
          <Card flush>
            <Table
              caption={t('changes.table')}
              rows={list.items}
              rowKey={(row) => String(row.revision)}
              columns={[
                {
                  key: 'revision',
                  head: t('changes.revision'),
                  names: true,
                  cell: (row) => (
                    <span className="row">
                      <Link to={`/changes/${row.revision}`} aria-label={t('changes.show', { n: String(row.revision) })}>
                        {row.revision}
                      </Link>
                      {row.revision === current && <Chip tone="ok">{t('changes.current')}</Chip>}
                    </span>
                  ),
                },
                { key: 'at', head: t('changes.at'), cell: (row) => <Time at={row.at} /> },
                { key: 'by', head: t('changes.by'), cell: (row) => <span className="break"><Inert text={row.by} /></span> },
                { key: 'reason', head: t('changes.reason'), cell: (row) => <Reason text={row.reason} /> },
                { key: 'do', head: t('common.actions'), hideHead: true, fit: true, cell: (row) => <Menu label={t('common.actionsFor', { name: t('changes.revisionN', { n: String(row.revision) }) })} entries={entries(row.revision, current, mayEdit, setBack)} /> },
              ]}
            />
            <Pager list={list} />
          </Card>
        </>
      )}
      <Rollback revision={back} current={current} onClose={() => setBack(null)} />
    </Page>
  )
}

function entries(revision: number, current: number, mayEdit: boolean, back: (revision: number) => void): MenuEntry[] {
  const all: MenuEntry[] = [{ label: t('changes.show', { n: String(revision) }), icon: 'eye', to: `/changes/${revision}` }]
  if (revision !== current) all.push({ label: t('changes.compare'), icon: 'changes', to: `/changes?from=${revision}&to=${current}` })
  if (mayEdit && revision !== current) all.push({ label: t('changes.rollback'), icon: 'undo', onSelect: () => back(revision) })
  return all
}

export function Reason({ text }: { text: string | null }) {
  return text === null || text === '' ? <span className="muted">{t('changes.noReason')}</span> : <span className="break"><Inert text={text} /></span>
}

function Compare({ newest }: { newest: number }) {
  const [params] = useSearch()
  const shown = comparison(params.get('from') ?? '', params.get('to') ?? '')
  const [from, setFrom] = useState(params.get('from') ?? String(Math.max(1, newest - 1)))
  const [to, setTo] = useState(params.get('to') ?? String(newest))
  const wanted = comparison(from, to)
  return (
    <Card title={t('changes.compare')}>
      <form
        className="toolbar"
        noValidate
        onSubmit={(event) => {
          event.preventDefault()
          if (wanted !== null) navigate(`/changes?from=${wanted.from}&to=${wanted.to}`)
        }}
      >
        <TextField label={t('changes.compareFrom')} inputMode="numeric" value={from} onValue={setFrom} />
        <TextField label={t('changes.compareTo')} inputMode="numeric" value={to} onValue={setTo} />
        <Button type="submit" disabled={wanted === null}>
          {t('changes.compareDo')}
        </Button>
      </form>
      {shown !== null && (
        <section className="stack" aria-label={t('changes.diffBetween', { from: String(shown.from), to: String(shown.to) })}>
          <h3>{t('changes.diffBetween', { from: String(shown.from), to: String(shown.to) })}</h3>
          <DifferenceView from={shown.from} to={shown.to} />
        </section>
      )}
    </Card>
  )
}
