/**
 * Somebody else published while a draft was open: who, when and what, and how to carry
 * the draft over. What both changed is chosen by the person, never by the console.
 */

import { useEffect, useState } from 'react'
import type { Difference, WholeRevision } from '../api/types'
import { Banner, Button, Dialog, Skeleton, toast, problemText } from '../design'
import { api } from '../lib/api'
import { Time } from '../lib/format'
import { t } from '../lib/i18n'
import { areaText, ChangeList, DiffText, EntryText } from './difference'
import { adopt } from './document'
import { rebase, type Conflict, type Side } from './rebase'
import { draftStore, readPolicy } from './state'
import type { Draft } from './store'

export function ConflictNote({ draft, newer }: { draft: Draft; newer: number }) {
  const [theirs, setTheirs] = useState<WholeRevision | null>(null)
  const [difference, setDifference] = useState<Difference | null>(null)
  const [showing, setShowing] = useState(false)
  const [busy, setBusy] = useState(false)
  const [choosing, setChoosing] = useState<{ read: Awaited<ReturnType<typeof readPolicy>>; conflicts: Conflict[] } | null>(null)
  useEffect(() => {
    let wanted = true
    api.get<WholeRevision>(`/policy/revisions/${newer}`).then((found) => wanted && setTheirs(found), () => undefined)
    return () => {
      wanted = false
    }
  }, [newer])

  const show = () => {
    setShowing(true)
    api.get<Difference>(`/policy/revisions/${draft.base}/diff`, { query: { to: newer } }).then(setDifference, (error: unknown) => {
      setShowing(false)
      toast(problemText(error), 'bad')
    })
  }
  const carry = async () => {
    setBusy(true)
    try {
      const read = await readPolicy()
      const conflicts = draftStore.rebaseOnto(read.revision, read.document, {}, read.ids)
      if (conflicts.length > 0) setChoosing({ read, conflicts })
      else toast(t('draft.rebased', { revision: read.revision }))
    } catch (error) {
      toast(problemText(error), 'bad')
    } finally {
      setBusy(false)
    }
  }
  const take = (choices: Record<string, Side>) => {
    if (choosing === null) return
    const { read } = choosing
    if (draftStore.rebaseOnto(read.revision, read.document, choices, read.ids).length === 0) toast(t('draft.rebased', { revision: read.revision }))
    setChoosing(null)
  }

  return (
    <>
      <Banner
        tone="warn"
        live
        title={t('draft.newerTitle')}
        actions={
          <>
            <Button small kind="primary" busy={busy} onClick={() => void carry()}>
              {t('draft.rebase')}
            </Button>
            <Button small onClick={show}>
              {t('draft.theirChanges')}
            </Button>
          </>
        }
      >
        <p className="break">
          {theirs === null ? t('draft.newerUnknown', { base: draft.base }) : t('draft.newer', { revision: String(theirs.revision), by: theirs.by, base: String(draft.base) })}{' '}
          {theirs !== null && <Time at={theirs.at} />}
        </p>
        {theirs?.reason && <p className="break">{t('draft.newerReason', { reason: theirs.reason })}</p>}
      </Banner>
      {showing && (
        <Dialog open wide title={t('draft.theirChanges')} onClose={() => setShowing(false)}>
          {difference === null ? (
            <Skeleton lines={4} />
          ) : (
            <>
              <ChangeList changes={difference.changes} />
              <DiffText text={difference.text} />
            </>
          )}
        </Dialog>
      )}
      {choosing !== null && <Choose draft={draft} theirs={choosing.read.document} conflicts={choosing.conflicts} onClose={() => setChoosing(null)} onTake={take} />}
    </>
  )
}

interface ChooseProps {
  draft: Draft
  theirs: unknown
  conflicts: Conflict[]
  onClose: () => void
  onTake: (choices: Record<string, Side>) => void
}

function Choose({ draft, theirs, conflicts: first, onClose, onTake }: ChooseProps) {
  const [choices, setChoices] = useState<Record<string, Side>>({})
  // A choice can bring another conflict up: a name that two things would then have.
  const all = rebase(draft.original, draft.document, adopt(theirs), choices).conflicts
  const conflicts = all.length > 0 ? all : first
  const open = conflicts.filter((conflict) => choices[conflict.id] === undefined).length
  return (
    <Dialog
      open
      wide
      title={t('draft.rebaseTitle')}
      onClose={onClose}
      onSubmit={() => open === 0 && onTake(choices)}
      foot={
        <>
          <Button onClick={onClose}>{t('common.cancel')}</Button>
          <Button type="submit" kind="primary" why={open > 0 ? t('draft.rebaseOpen', { n: open }) : null}>
            {t('draft.rebaseDo')}
          </Button>
        </>
      }
    >
      <p>{t('draft.rebaseLead')}</p>
      {conflicts.map((conflict) => (
        <fieldset key={conflict.id} className="stack stack-sm">
          <legend className="strong break">{conflict.kind === 'order' ? t('draft.order') : areaText(conflict.area, conflict.name)}</legend>
          {conflict.kind === 'order' && <p className="muted small">{t('draft.orderConflict')}</p>}
          <div className="sides">
            {(['mine', 'theirs'] as const).map((side) => (
              <label key={side} className="side">
                <span className="row">
                  <input
                    type="radio"
                    name={conflict.id}
                    checked={choices[conflict.id] === side}
                    aria-label={t(`draft.${side}`)}
                    onChange={() => setChoices({ ...choices, [conflict.id]: side })}
                  />
                  <span className="strong">{t(`draft.${side}`)}</span>
                </span>
                <SideText value={conflict[side]} other={conflict[side === 'mine' ? 'theirs' : 'mine']} order={conflict.kind === 'order'} />
              </label>
            ))}
          </div>
        </fieldset>
      ))}
      <p role="status" className="muted small">
        {open > 0 ? t('draft.rebaseOpen', { n: open }) : ''}
      </p>
    </Dialog>
  )
}

function SideText({ value, other, order }: { value: unknown; other: unknown; order: boolean }) {
  if (value === null || value === undefined) return <span className="muted">{t('draft.takenOut')}</span>
  if (order && Array.isArray(value)) {
    return (
      <ol>
        {value.map((name) => (
          <li key={String(name)} className="small break">
            {String(name)}
          </li>
        ))}
      </ol>
    )
  }
  return <EntryText value={withoutKey(value)} other={other} />
}

function withoutKey(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).filter(([name]) => name !== 'key'))
}
