// The quarantine: what rules kept back, and its way out, one or several at once.

import { useMemo, useState } from 'react'
import { ReadOnlyNote, useCan } from '../../app/session'
import { Button, Card, Checkbox, Chip, EmptyState, ErrorState, Page, Pager, Skeleton, type Column } from '../../design'
import { Time } from '../../lib/format'
import { t } from '../../lib/i18n'
import { usePaged } from '../../lib/query'
import { Link } from '../../lib/router'
import { Inert, Sender, Subject } from '../mail/Inert'
import { RuleLink } from '../rules/RuleLink'
import '../mail/mail.css'
import { useWholeSearch } from '../mail/useWholeSearch'
import type { QuarantineEntry } from '../../api/types'
import { spelled } from '../mail/unseen'
import { VirtualTable } from '../mail/VirtualTable'
import { DecideDialog, type Decision } from './DecideDialog'

export default function Quarantine() {
  const list = usePaged<QuarantineEntry>('/quarantine')
  const looking = useWholeSearch(list)
  const operate = useCan('operate_queue')
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set())
  const [decision, setDecision] = useState<Decision | null>(null)
  const ids = useMemo(() => list.items.filter((entry) => chosen.has(entry.id)).map((entry) => entry.id), [list.items, chosen])
  const select = (entries: readonly QuarantineEntry[], on: boolean) => {
    const next = new Set(chosen)
    for (const entry of entries) {
      if (on) next.add(entry.id)
      else next.delete(entry.id)
    }
    setChosen(next)
  }
  const actions = operate && ids.length > 0 && (
    <>
      <span role="status" className="muted small">
        {t('common.selected', { n: ids.length })}
      </span>
      <Button small icon="play" onClick={() => setDecision({ verb: 'release', ids })}>
        {t('quarantine.release')}
      </Button>
      <Button small kind="danger" icon="trash" onClick={() => setDecision({ verb: 'delete', ids })}>
        {t('quarantine.delete')}
      </Button>
    </>
  )
  return (
    <Page title={t('quarantine.title')} intro={t('quarantine.lead')} help={{ cli: 'gatepost quarantine list', api: 'GET /api/v1/quarantine', keys: ['retention.quarantine'] }}>
      <ReadOnlyNote capability="operate_queue" />
      <Card title={t('quarantine.list')} flush actions={actions}>
        {list.error !== null && (
          <div className="card-body">
            <ErrorState error={list.error} retry={list.reload} />
          </div>
        )}
        {list.loading || looking ? (
          <div className="card-body">
            <Skeleton />
          </div>
        ) : list.items.length > 0 ? (
          <>
            {operate && (
              <div className="select-all">
                <Checkbox label={t('quarantine.selectShown')} checked={list.items.every((entry) => chosen.has(entry.id))} onChecked={(on) => select(list.items, on)} />
              </div>
            )}
            <VirtualTable name="quarantine" caption={t('quarantine.list')} columns={columns(operate ? { chosen, select } : null)} rows={list.items} rowKey={(entry) => entry.id} total={list.total} selected={(entry) => chosen.has(entry.id)} />
          </>
        ) : (
          list.error === null && (
            <EmptyState icon="ok" title={t('quarantine.empty')}>
              {t('quarantine.emptyText')}
            </EmptyState>
          )
        )}
        <Pager list={list} />
      </Card>
      <DecideDialog decision={decision} onClose={() => setDecision(null)} onDone={() => setChosen(new Set())} />
    </Page>
  )
}

const titleOf = (entry: QuarantineEntry): string => (entry.subject.trim() === '' ? t('mail.noSubject') : spelled(entry.subject))

interface Choosing {
  chosen: ReadonlySet<string>
  select: (entries: readonly QuarantineEntry[], on: boolean) => void
}

function columns(choosing: Choosing | null): Column<QuarantineEntry>[] {
  const found: Column<QuarantineEntry>[] = [
    {
      key: 'subject',
      head: t('mail.subject'),
      width: 'minmax(0, 2fr)',
      names: true,
      cell: (entry) => (
        <Link to={`/quarantine/${entry.id}`}>
          <Subject text={entry.subject} />
        </Link>
      ),
    },
    {
      key: 'people',
      head: t('mail.recipient'),
      width: 'minmax(0, 1.6fr)',
      cell: (entry) => (
        <>
          <Inert text={entry.recipient} />
          <div className="muted small">
            {t('mail.sender')}: <Sender text={entry.sender} />
          </div>
        </>
      ),
    },
    {
      key: 'rule',
      head: t('mail.rule'),
      width: 'minmax(0, 1.3fr)',
      cell: (entry) => (
        <div className="stack stack-sm">
          <RuleLink name={entry.rule} />
          {entry.company && (
            <span>
              <Chip>Quarantine - Company</Chip>
            </span>
          )}
        </div>
      ),
    },
    {
      key: 'since',
      head: t('quarantine.since'),
      width: 'minmax(0, 9rem)',
      cell: (entry) => (
        <>
          <Time at={entry.since} />
          <div className="muted small">
            {t('quarantine.expires')} <Time at={entry.expires} ago />
          </div>
        </>
      ),
    },
  ]
  if (choosing !== null) {
    found.unshift({
      key: 'select',
      head: t('common.selectAll'),
      width: '1.5rem',
      hideHead: true,
      cell: (entry) => <Checkbox hideLabel label={t('quarantine.select', { subject: titleOf(entry) })} checked={choosing.chosen.has(entry.id)} onChecked={(on) => choosing.select([entry], on)} />,
    })
  }
  return found
}
