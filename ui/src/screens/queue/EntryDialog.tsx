// One waiting recipient: why it waits, what to do, the letter to the other side, and every fact of it.

import { Button, ButtonLink, CopyButton, Dialog, Facts, Menu, type MenuEntry } from '../../design'
import { Time } from '../../lib/format'
import { t } from '../../lib/i18n'
import { LevelChip, StateChip } from '../mail/chips'
import { Inert, Sender } from '../mail/Inert'
import { spelled } from '../mail/unseen'
import type { QueueEntry } from '../../api/types'
import { entryMenu, type Act } from './ActDialog'
import { waitsBecause } from './because'

export function EntryDialog({ entry, onClose, onAct }: { entry: QueueEntry | null; onClose: () => void; onAct: ((act: Act) => void) | null }) {
  const act = (wanted: Act) => {
    onClose()
    onAct?.(wanted)
  }
  const entries: MenuEntry[] = entry === null || onAct === null ? [] : entryMenu(entry, act)
  return (
    <Dialog
      open={entry !== null}
      wide
      title={entry === null ? '' : t('queue.open', { recipient: spelled(entry.recipient) })}
      onClose={onClose}
      foot={
        entry !== null && (
          <>
            {entries.length > 0 && (
              <Menu label={t('common.actionsFor', { name: spelled(entry.recipient) })} entries={entries} small={false} align="start" className="menu-up">
                {t('common.actions')}
              </Menu>
            )}
            <ButtonLink to={`/history/${entry.message}`} icon="history">
              {t('queue.toMessage')}
            </ButtonLink>
            <Button onClick={onClose}>{t('common.close')}</Button>
          </>
        )
      }
    >
      {entry !== null && <Story entry={entry} />}
    </Dialog>
  )
}

function Story({ entry }: { entry: QueueEntry }) {
  const because = entry.waiting_because
  return (
    <>
      <section className="stack stack-sm">
        <h3>{t('queue.cause')}</h3>
        <p className="first-word">
          <Inert text={waitsBecause(entry)} />
        </p>
      </section>
      {because?.remedy != null && because.remedy !== '' && (
        <section className="stack stack-sm">
          <h3>{t('queue.remedy')}</h3>
          <p>
            <Inert text={because.remedy} />
          </p>
        </section>
      )}
      {because?.letter != null && (
        <section className="stack stack-sm">
          <div className="row row-between">
            <h3>{t('queue.letter')}</h3>
            <CopyButton text={because.letter} what={t('queue.letter')} />
          </div>
          <div className="body-text" role="region" aria-label={t('queue.letter')} tabIndex={0}>
            <Inert text={because.letter} lines />
          </div>
        </section>
      )}
      <Facts
        rows={[
          [t('mail.state'), <StateChip key="s" state={entry.state} />],
          [t('mail.level'), <LevelChip key="l" level={entry.level} />],
          [t('mail.sender'), <Sender key="f" text={entry.sender} />],
          [t('mail.domain'), <Inert key="d" text={entry.domain} />],
          [t('queue.next'), entry.state === 'held' ? '–' : <Time key="n" at={entry.next_attempt} />],
          [t('queue.expires'), entry.expires === null ? '–' : <Time key="e" at={entry.expires} />],
          [t('history.attempts'), t('queue.attempts', { n: entry.attempts })],
          [t('history.status'), entry.last?.status ?? '–'],
          [t('history.id'), <code key="i">{entry.message}</code>],
          ...notes(entry),
        ]}
      />
    </>
  )
}

function notes(entry: QueueEntry): [string, string][] {
  const found: string[] = []
  if (entry.asked !== null) found.push(t('queue.asked'))
  if (entry.warned) found.push(t('queue.warned'))
  if (entry.pending !== null) found.push(t('queue.pending', { what: entry.pending }))
  return found.length === 0 ? [] : [[t('common.info'), found.join(' ')]]
}
