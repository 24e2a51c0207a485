// Putting an older revision in force again: a new revision that says what the old one said.

import type { Back, Written } from '../../api/types'
import { ConfirmWithReason, toast } from '../../design'
import { draftStore, loadPolicy } from '../../draft/state'
import { isChanged } from '../../draft/store'
import { api } from '../../lib/api'
import { t } from '../../lib/i18n'
import { invalidate } from '../../lib/query'

export function Rollback({ revision, current, onClose }: { revision: number | null; current: number; onClose: () => void }) {
  const draft = draftStore.get()
  const changed = draft !== null && isChanged(draft)
  const go = async (reason: string) => {
    if (revision === null) return
    const done = await api.post<Written>('/policy/rollback', { revision, reason } satisfies Back, { ifMatch: current })
    toast(done.changed === false ? t('changes.rollbackSame', { n: revision }) : t('changes.rolledBack', { n: revision, new: done.revision }))
    for (const path of ['/policy', '/rules', '/rule-data', '/tls', '/overview']) invalidate(path)
    void loadPolicy()
  }
  return (
    <ConfirmWithReason open={revision !== null} kind="primary" title={t('changes.rollbackTitle', { n: String(revision ?? '') })} confirm={t('changes.rollbackDo')} onClose={onClose} onConfirm={go}>
      <p>{t('changes.rollbackText', { n: String(revision ?? '') })}</p>
      {changed && <p>{t('changes.rollbackDraft')}</p>}
    </ConfirmWithReason>
  )
}
