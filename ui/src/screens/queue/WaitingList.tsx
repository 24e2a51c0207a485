// Waiting recipients, the reason first. Any number of them: only those near the window are drawn.

import { Button, Checkbox, Menu, type Column } from '../../design'
import { Time } from '../../lib/format'
import { t } from '../../lib/i18n'
import type { Paged } from '../../lib/query'
import { LevelChip, StateChip } from '../mail/chips'
import { Inert, Sender } from '../mail/Inert'
import type { QueueEntry } from '../../api/types'
import { spelled } from '../mail/unseen'
import { VirtualTable } from '../mail/VirtualTable'
import { entryMenu, type Act } from './ActDialog'
import { waitsBecause } from './because'

interface Props {
  list: Paged<QueueEntry>
  chosen: ReadonlyMap<string, QueueEntry>
  onSelect: ((entries: readonly QueueEntry[], on: boolean) => void) | null
  onOpen: (entry: QueueEntry) => void
  onAct: ((act: Act) => void) | null
}

export function WaitingList({ list, chosen, onSelect, onOpen, onAct }: Props) {
  const columns: Column<QueueEntry>[] = [
    {
      key: 'why',
      head: t('queue.why'),
      width: 'minmax(0, 2.4fr)',
      cell: (entry) => (
        <div className="stack stack-sm">
          <span className="cause">
            <Inert text={waitsBecause(entry)} />
          </span>
          <span className="row">
            <StateChip state={entry.state} />
            <LevelChip level={entry.level} />
          </span>
        </div>
      ),
    },
    {
      key: 'recipient',
      head: t('mail.recipient'),
      width: 'minmax(0, 1.6fr)',
      names: true,
      cell: (entry) => (
        <div className="stack stack-sm">
          <span>
            <Button small kind="quiet" className="linkish" onClick={() => onOpen(entry)} label={t('queue.open', { recipient: spelled(entry.recipient) })}>
              <Inert text={entry.recipient} />
            </Button>
          </span>
          <span className="muted small">
            {t('mail.sender')}: <Sender text={entry.sender} />
          </span>
        </div>
      ),
    },
    {
      key: 'next',
      head: t('queue.next'),
      width: 'minmax(0, 9rem)',
      cell: (entry) => (
        <div>
          {entry.state === 'held' ? '–' : <Time at={entry.next_attempt} ago />}
          <div className="muted small">{entry.attempts === 0 ? t('queue.notTried') : t('queue.attempts', { n: entry.attempts })}</div>
        </div>
      ),
    },
    { key: 'expires', head: t('queue.expires'), width: 'minmax(0, 8rem)', cell: (entry) => (entry.expires === null ? '–' : <Time at={entry.expires} ago />) },
  ]
  if (onSelect !== null) {
    columns.unshift({
      key: 'select',
      head: t('common.selectAll'),
      width: '1.5rem',
      hideHead: true,
      cell: (entry) => <Checkbox hideLabel label={t('queue.select', { recipient: spelled(entry.recipient) })} checked={chosen.has(entry.id)} onChecked={(on) => onSelect([entry], on)} />,
    })
  }
  if (onAct !== null) {
    columns.push({
      key: 'actions',
      head: t('common.actions'),
      width: '2rem',
      hideHead: true,
      cell: (entry) => <Menu label={t('common.actionsFor', { name: spelled(entry.recipient) })} entries={entryMenu(entry, onAct)} />,
    })
  }
  return (
    <>
      {onSelect !== null && (
        <div className="select-all">
          <Checkbox label={t('queue.selectShown')} checked={list.items.every((entry) => chosen.has(entry.id))} onChecked={(on) => onSelect(list.items, on)} />
        </div>
      )}
      <VirtualTable name="queue" caption={t('queue.list')} columns={columns} rows={list.items} rowKey={(entry) => entry.id} total={list.total} selected={(entry) => chosen.has(entry.id)} />
    </>
  )
}
