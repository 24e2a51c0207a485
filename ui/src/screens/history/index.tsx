// Message history: what became of every message, the reason first.

import { useEffect, useState } from 'react'
import { Button, Card, EmptyState, ErrorState, Page, Pager, SearchField, SelectField, Skeleton, TextField, type Column } from '../../design'
import { Time } from '../../lib/format'
import { t } from '../../lib/i18n'
import { usePaged } from '../../lib/query'
import { Link, useSearch } from '../../lib/router'
import { LevelChip, StateChip } from '../mail/chips'
import { Inert, Sender, Subject } from '../mail/Inert'
import '../mail/mail.css'
import { useWholeSearch } from '../mail/useWholeSearch'
import { isDay, moments } from '../../lib/period'
import type { HistoryItem } from '../../api/types'
import { VirtualTable } from '../mail/VirtualTable'
import { stateWord, tlsWords } from '../mail/words'

const states = ['waiting', 'sending', 'held', 'delivered', 'bounced', 'quarantined', 'rejected', 'deleted'] as const
const fields = ['q', 'state', 'domain', 'rule', 'sender', 'recipient', 'since', 'until'] as const

export default function History() {
  const [search, setSearch] = useSearch()
  const of = (name: (typeof fields)[number]) => search.get(name) ?? ''
  const [since, until] = [of('since'), of('until')]
  const query = {
    q: of('q'),
    state: of('state'),
    domain: of('domain'),
    rule: of('rule'),
    sender: of('sender'),
    recipient: of('recipient'),
    since: isDay(since) ? `${since}T00:00:00Z` : null,
    until: isDay(until) ? moments({ from: until, to: until }).until : null,
  }
  const list = usePaged<HistoryItem>('/history', { query })
  const looking = useWholeSearch(list)
  const narrowed = fields.some((name) => of(name) !== '')
  return (
    <Page title={t('history.title')} intro={t('history.lead')} help={{ cli: 'gatepost messages search --domain partner.example', api: 'GET /api/v1/history?q=partner.example', keys: ['retention.history'] }} actions={<Button icon="refresh" onClick={list.reload}>{t('common.refresh')}</Button>}>
      <Filters of={of} set={setSearch} narrowed={narrowed} />
      <Card title={t('history.list')} flush>
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
          <VirtualTable name="history" caption={t('history.list')} columns={columns()} rows={list.items} rowKey={(item) => item.id} total={list.total} />
        ) : (
          list.error === null && (
            <EmptyState icon="mail" title={narrowed ? t('history.emptySearch') : t('history.empty')}>
              {narrowed ? undefined : t('history.emptyText')}
            </EmptyState>
          )
        )}
        <Pager list={list} />
      </Card>
    </Page>
  )
}

function Filters({ of, set, narrowed }: { of: (name: (typeof fields)[number]) => string; set: (change: Record<string, string | null>) => void; narrowed: boolean }) {
  const [more, setMore] = useState(['domain', 'rule', 'sender', 'recipient', 'since', 'until'].some((name) => of(name as (typeof fields)[number]) !== ''))
  return (
    <section className="stack" role="search" aria-label={t('common.search')}>
      <div className="toolbar">
        <Late className="wide" value={of('q')} onValue={(q) => set({ q })}>
          {(value, onValue) => <SearchField label={t('history.search')} value={value} onValue={onValue} />}
        </Late>
        <SelectField label={t('history.stateFilter')} value={of('state')} onValue={(state) => set({ state })} choices={[{ value: '', label: t('mail.all') }, ...states.map((state) => ({ value: state, label: stateWord(state) }))]} />
        <Button aria-expanded={more} onClick={() => setMore(!more)}>
          {t('history.more')}
        </Button>
        {narrowed && (
          <Button kind="quiet" icon="close" onClick={() => set(Object.fromEntries(fields.map((name) => [name, null])))}>
            {t('common.clear')}
          </Button>
        )}
      </div>
      {more && (
        <div className="toolbar">
          {(['sender', 'recipient', 'domain', 'rule'] as const).map((name) => (
            <Late key={name} value={of(name)} onValue={(value) => set({ [name]: value })}>
              {(value, onValue) => <TextField label={t(`history.${name}Filter`)} value={value} onValue={onValue} />}
            </Late>
          ))}
          <TextField type="date" label={t('history.since')} value={of('since')} onValue={(since) => set({ since })} />
          <TextField type="date" label={t('history.until')} value={of('until')} onValue={(until) => set({ until })} />
        </div>
      )}
    </section>
  )
}

/** A field whose value is taken over when the hand has rested. */
function Late({ value, onValue, className, children }: { value: string; onValue: (value: string) => void; className?: string; children: (value: string, onValue: (value: string) => void) => React.ReactNode }) {
  const [text, setText] = useState(value)
  useEffect(() => setText(value), [value])
  useEffect(() => {
    if (text === value) return undefined
    const timer = setTimeout(() => onValue(text), 250)
    return () => clearTimeout(timer)
  }, [text, value, onValue])
  return <div className={`field ${className ?? ''}`}>{children(text, setText)}</div>
}

function columns(): Column<HistoryItem>[] {
  return [
    { key: 'reason', head: t('history.reason'), width: 'minmax(0, 2.4fr)', cell: (item) => <Reason item={item} /> },
    {
      key: 'subject',
      head: t('history.message'),
      names: true,
      width: 'minmax(0, 1.6fr)',
      cell: (item) => (
        <Link to={`/history/${item.id}`}>
          <Subject text={item.subject} />
        </Link>
      ),
    },
    { key: 'sender', head: t('mail.sender'), width: 'minmax(0, 1.4fr)', cell: (item) => <Sender text={item.sender} /> },
    { key: 'received', head: t('history.received'), width: 'minmax(0, 9rem)', cell: (item) => <Time at={item.received_at} /> },
  ]
}

/** So many recipients are shown in a row; the message shows all. */
const some = 3

/** What became of each recipient: its state and the sentence. */
function Reason({ item }: { item: HistoryItem }) {
  const more = item.recipients.length - some
  return (
    <div className="stack stack-sm">
      {item.recipients.slice(0, some).map((recipient, at) => {
        const tls = recipient.state === 'delivered' ? tlsWords(recipient.tls, recipient.clear_because) : null
        return (
          <div key={at}>
            <span className="row">
              <StateChip state={recipient.state} />
              <LevelChip level={recipient.level} />
            </span>
            <Inert text={recipient.recipient} />
            {recipient.reason !== null && recipient.reason !== '' && (
              <div className="small cause">
                <Inert text={recipient.reason} />
              </div>
            )}
            {tls !== null && <div className="small muted">{tls}</div>}
          </div>
        )
      })}
      {more > 0 && <span className="muted small">{t('history.recipientsMore', { n: more })}</span>}
    </div>
  )
}
