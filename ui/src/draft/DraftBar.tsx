/**
 * The bar of the draft: how much is changed, whether it can be published, and the ways
 * on. It is there on every screen while there is a draft with changes, and nowhere else.
 */

import { useEffect, useState, useSyncExternalStore } from 'react'
import { useCan, useUser } from '../app/session'
import { Banner, Button, ButtonLink, Dialog } from '../design'
import { t } from '../lib/i18n'
import { useLocation } from '../lib/router'
import { ConflictNote } from './Conflict'
import { Review } from './Review'
import { draftStore, loadPolicy, ownDraft, useCheck } from './state'
import { draftChanges, isChanged, type Draft } from './store'
import './draft.css'

export function DraftBar() {
  const user = useUser()
  const mayEdit = useCan('edit_policy')
  const draft = useSyncExternalStore(draftStore.subscribe, draftStore.get)
  const { path } = useLocation()
  // A draft that a reload left behind is told of on whatever screen the reader comes to first.
  useEffect(() => {
    ownDraft(user.id)
    if (draftStore.restorable()) void loadPolicy()
  }, [user.id, path])
  if (!mayEdit || draft === null || !isChanged(draft)) return null
  return <Bar draft={draft} />
}

function Bar({ draft }: { draft: Draft }) {
  const { checked, busy, error } = useCheck(draft.document)
  const [open, setOpen] = useState<'review' | 'discard' | null>(null)
  const count = draftChanges(draft).length
  const undo = draft.past.at(-1)
  const redo = draft.future.at(-1)
  const errors = checked?.errors.length ?? 0
  const findings = checked?.findings.length ?? 0
  return (
    <section className="draft-bar" aria-label={t('draft.bar')}>
      <div className="draft-line">
        <span className="draft-count" role="status">
          {t('draft.changes', { n: count })}
        </span>
        {error !== null && <span className="small">{t('draft.checkFailed', { why: error.message })}</span>}
        {error === null && <span className="small muted">{busy ? t('draft.checking') : [errors > 0 ? t('draft.errors', { n: errors }) : '', findings > 0 ? t('draft.findings', { n: findings }) : ''].filter(Boolean).join(', ')}</span>}
        <Button small kind="quiet" icon="undo" label={undo === undefined ? t('draft.undoShort') : t('draft.undo', { what: undo.label })} why={undo === undefined ? t('draft.undoShort') : null} onClick={draftStore.undo} />
        <Button small kind="quiet" icon="redo" label={redo === undefined ? t('draft.redoShort') : t('draft.redo', { what: redo.label })} why={redo === undefined ? t('draft.redoShort') : null} onClick={draftStore.redo} />
        <span className="draft-actions">
          <Button small onClick={() => setOpen('review')}>
            {t('draft.review')}
          </Button>
          <ButtonLink small to="/simulator?against=draft">
            {t('draft.simulate')}
          </ButtonLink>
          <Button small kind="primary" onClick={() => setOpen('review')} why={errors > 0 ? t('draft.reviewErrors') : null}>
            {t('draft.publish')}
          </Button>
          <Button small kind="danger" onClick={() => setOpen('discard')}>
            {t('draft.discard')}
          </Button>
        </span>
      </div>
      {!draft.kept && <Banner tone="warn">{t('draft.notKept')}</Banner>}
      {draft.newer !== null && <ConflictNote draft={draft} newer={draft.newer} />}
      {open === 'review' && <Review draft={draft} onClose={() => setOpen(null)} />}
      {open === 'discard' && <Discard count={count} onClose={() => setOpen(null)} />}
    </section>
  )
}

function Discard({ count, onClose }: { count: number; onClose: () => void }) {
  const go = () => {
    onClose()
    draftStore.discard()
    void loadPolicy()
  }
  return (
    <Dialog
      open
      title={t('draft.discardTitle')}
      onClose={onClose}
      onSubmit={go}
      foot={
        <>
          <Button onClick={onClose}>{t('common.cancel')}</Button>
          <Button type="submit" kind="danger-solid">
            {t('draft.discardDo')}
          </Button>
        </>
      }
    >
      <p>{t('draft.discardText', { n: count })}</p>
    </Dialog>
  )
}
