// What is about to be done to waiting mail: how many it concerns, counted by the gateway at this moment, what it
// means, and why. Where the count changed meanwhile nothing is done, and the new count is shown.

import { useEffect, useState } from 'react'
import type { Acted, QueueAct, QueueCount, QueueEntry, QueueVerb as Verb } from '../../api/types'
import { ConfirmWithReason, toast, type IconName, type MenuEntry } from '../../design'
import { api, ProblemError } from '../../lib/api'
import { t } from '../../lib/i18n'
import { invalidate } from '../../lib/query'
import { Inert } from '../mail/Inert'

/** A verb and what it is about: a filter of the gateway's language. */
export interface Act {
  verb: Verb
  filter: string
}

const verbs: readonly { verb: Verb; icon: IconName; danger: boolean }[] = [
  { verb: 'retry', icon: 'refresh', danger: false },
  { verb: 'hold', icon: 'pause', danger: false },
  { verb: 'release', icon: 'play', danger: false },
  { verb: 'reevaluate', icon: 'simulator', danger: false },
  { verb: 'bounce', icon: 'undo', danger: true },
  { verb: 'delete', icon: 'trash', danger: true },
]

/** Says what was done, what is done later and what could not be. */
function tell(verb: Verb, { done, sending, refused }: Acted): void {
  const first = refused[0]
  if (done.length > 0) toast(t(`queue.done_${verb}`, { n: done.length }))
  if (sending.length > 0) toast(t('queue.later', { n: sending.length }), 'info')
  if (first !== undefined) toast(t('queue.refused', { n: refused.length, why: first.why }), 'bad')
}

/** So many can be chosen by hand: each is named in the filter. */
export const byHand = 500

function menu(filter: string, fits: (verb: Verb) => boolean, onAct: (act: Act) => void): MenuEntry[] {
  return verbs.filter(({ verb }) => fits(verb)).map(({ verb, icon, danger }) => ({ label: t(`queue.act_${verb}`), icon, danger, onSelect: () => onAct({ verb, filter }) }))
}

/** The actions on one recipient; what makes no sense in its state is not offered. */
export function entryMenu(entry: QueueEntry, onAct: (act: Act) => void): MenuEntry[] {
  const held = entry.state === 'held'
  return menu(`id=${entry.id}`, (verb) => (verb === 'release' ? held : verb === 'hold' || verb === 'retry' ? !held : true), onAct)
}

export function selectedMenu(entries: readonly QueueEntry[], onAct: (act: Act) => void): MenuEntry[] {
  return menu(entries.map((entry) => `id=${entry.id}`).join(' or '), () => true, onAct)
}

export function allMenu(filter: string, onAct: (act: Act) => void): MenuEntry[] {
  return menu(filter, () => true, onAct)
}

export function ActDialog({ act, onClose, onDone }: { act: Act | null; onClose: () => void; onDone: () => void }) {
  const [count, setCount] = useState<number | null>(null)
  const [error, setError] = useState<unknown>(null)
  useEffect(() => {
    setCount(null)
    setError(null)
    if (act === null) return undefined
    const stop = new AbortController()
    api.get<QueueCount>('/queue/count', { query: { filter: act.filter }, signal: stop.signal }).then(
      (answer) => setCount(answer.count),
      (problem: unknown) => {
        if (!stop.signal.aborted) setError(problem)
      },
    )
    return () => stop.abort()
  }, [act])

  const confirm = async (reason: string) => {
    if (act === null) return
    if (error !== null) throw error
    if (count === null) throw new ProblemError(0, { title: t('queue.counting') })
    let acted: Acted
    try {
      acted = await api.post<Acted>('/queue/actions', { filter: act.filter, action: act.verb, count, reason } satisfies QueueAct)
    } catch (problem) {
      if (problem instanceof ProblemError && problem.status === 409 && typeof problem.body.count === 'number') {
        setCount(problem.body.count)
        throw new ProblemError(409, { title: t('queue.countChanged', { n: problem.body.count }) })
      }
      throw problem
    } finally {
      invalidate('/queue')
      invalidate('/overview')
    }
    tell(act.verb, acted)
    onDone()
  }

  const grave = act?.verb === 'bounce' || act?.verb === 'delete'
  return (
    <ConfirmWithReason
      open={act !== null}
      title={act === null ? '' : count === null ? t('queue.counting') : t(`queue.do_${act.verb}`, { n: count })}
      confirm={act === null ? '' : t(`queue.act_${act.verb}`)}
      kind={grave ? 'danger-solid' : 'primary'}
      reasonOptional={!grave}
      onClose={onClose}
      onConfirm={confirm}
    >
      {act !== null && (
        <>
          <p>{t(`queue.about_${act.verb}`)}</p>
          {act.filter !== '' && act.filter.length < 300 && (
            <p className="small muted">
              {t('queue.filter')}: <Inert text={act.filter} />
            </p>
          )}
        </>
      )}
    </ConfirmWithReason>
  )
}
