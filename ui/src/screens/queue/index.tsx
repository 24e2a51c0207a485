// The queue: what waits and why, narrowed by a filter that the box, the chips and the heat map all edit, and the
// actions on one recipient, on those that are selected and on all that match.

import { useMemo, useState } from 'react'
import { ReadOnlyNote, useCan } from '../../app/session'
import { Card, EmptyState, ErrorState, Loaded, Page, Pager, Skeleton } from '../../design'
import { t } from '../../lib/i18n'
import { usePaged, useQuery } from '../../lib/query'
import { useSearch } from '../../lib/router'
import '../mail/mail.css'
import { useWholeSearch } from '../mail/useWholeSearch'
import type { QueueEntry, QueueShape } from '../../api/types'
import { ActBar } from './ActBar'
import { ActDialog, type Act } from './ActDialog'
import { EntryDialog } from './EntryDialog'
import { FilterBar } from './FilterBar'
import { HeatMap } from './HeatMap'
import { WaitingList } from './WaitingList'

/** Above so many entries on screen the list is no longer read again by itself: it would move under the reader. */
const calm = 500

export default function Queue() {
  const [search, setSearch] = useSearch()
  const filter = search.get('filter') ?? ''
  const setFilter = (text: string) => setSearch({ filter: text })
  const [shown, setShown] = useState(0)
  const list = usePaged<QueueEntry>('/queue', { query: { filter }, refresh: shown > calm ? undefined : 10 })
  if (list.items.length !== shown) setShown(list.items.length)
  const looking = useWholeSearch(list)
  const shape = useQuery<QueueShape>('/queue/shape', { query: { filter }, refresh: 10 })
  const operate = useCan('operate_queue')
  const [chosen, setChosen] = useState<ReadonlyMap<string, QueueEntry>>(new Map())
  const [act, setAct] = useState<Act | null>(null)
  const [open, setOpen] = useState<QueueEntry | null>(null)
  const selected = useMemo(() => list.items.filter((entry) => chosen.has(entry.id)), [list.items, chosen])

  const select = (entries: readonly QueueEntry[], on: boolean) => {
    const next = new Map(chosen)
    for (const entry of entries) {
      if (on) next.set(entry.id, entry)
      else next.delete(entry.id)
    }
    setChosen(next)
  }

  const refused = list.error !== null && [400, 422].includes(list.error.status) && filter !== ''
  return (
    <Page title={t('queue.title')} intro={t('queue.lead')} help={{ text: <p>{t('queue.filterHint')}</p>, cli: cli(filter), api: api(filter), keys: ['delivery.retry', 'delivery.expire', 'delivery.enforced_expire'] }}>
      <ReadOnlyNote capability="operate_queue" />
      <FilterBar filter={filter} onFilter={setFilter} problem={refused ? list.error : null} />
      {!refused && (
        <Card title={t('queue.shape')} intro={t('queue.shapeHint')}>
          <Loaded query={shape} lines={3}>
            {(data) => (data.rows.length === 0 ? <p className="muted">{filter === '' ? t('queue.empty') : t('queue.emptyFilter')}</p> : <HeatMap shape={data} filter={filter} onFilter={setFilter} />)}
          </Loaded>
        </Card>
      )}
      {!refused && (
        <Card title={t('queue.list')} flush actions={operate && list.items.length > 0 && <ActBar filter={filter} total={list.total} selected={selected} onAct={setAct} onClear={() => setChosen(new Map())} />}>
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
            <WaitingList list={list} chosen={chosen} onSelect={operate ? select : null} onOpen={setOpen} onAct={operate ? setAct : null} />
          ) : (
            list.error === null && (
              <EmptyState icon="ok" title={filter === '' ? t('queue.empty') : t('queue.emptyFilter')}>
                {filter === '' ? t('queue.emptyText') : undefined}
              </EmptyState>
            )
          )}
          <Pager list={list} />
        </Card>
      )}
      <EntryDialog entry={open} onClose={() => setOpen(null)} onAct={operate ? setAct : null} />
      <ActDialog act={act} onClose={() => setAct(null)} onDone={() => setChosen(new Map())} />
    </Page>
  )
}

const cli = (filter: string): string => (filter === '' ? 'gatepost queue list' : `gatepost queue list --filter '${filter.replaceAll("'", `'\\''`)}'`)
const api = (filter: string): string => `GET /api/v1/queue${filter === '' ? '' : `?filter=${encodeURIComponent(filter)}`}`
