// Releasing or deleting what is in quarantine: how many, what it means, and why. Where the count is no longer right
// nothing is done.

import type { QuarantineAct, QuarantineDone } from '../../api/types'
import { ConfirmWithReason, toast } from '../../design'
import { api, ProblemError } from '../../lib/api'
import { t } from '../../lib/i18n'
import { invalidate } from '../../lib/query'

export interface Decision {
  verb: 'release' | 'delete'
  ids: readonly string[]
}

export function DecideDialog({ decision, onClose, onDone }: { decision: Decision | null; onClose: () => void; onDone: () => void }) {
  const n = decision?.ids.length ?? 0
  const confirm = async (reason: string) => {
    if (decision === null) return
    try {
      await api.post<QuarantineDone>('/quarantine/actions', { ids: [...decision.ids], action: decision.verb, count: n, reason } satisfies QuarantineAct)
    } catch (problem) {
      const count = problem instanceof ProblemError && problem.status === 409 ? problem.body.count : undefined
      if (typeof count === 'number') throw new ProblemError(409, { title: t('quarantine.countChanged', { n: count }) })
      throw problem
    } finally {
      invalidate('/quarantine')
      invalidate('/overview')
    }
    toast(decision.verb === 'release' ? t('quarantine.released', { n }) : t('quarantine.deleted', { n }))
    onDone()
  }
  const release = decision?.verb === 'release'
  return (
    <ConfirmWithReason
      open={decision !== null}
      title={release ? t('quarantine.releaseTitle', { n }) : t('quarantine.deleteTitle', { n })}
      confirm={release ? t('quarantine.release') : t('quarantine.delete')}
      kind={release ? 'primary' : 'danger-solid'}
      onClose={onClose}
      onConfirm={confirm}
    >
      <p>{release ? t('quarantine.releaseText') : t('quarantine.deleteText')}</p>
    </ConfirmWithReason>
  )
}
