// Why a recipient waits, in one sentence.

import { t } from '../../lib/i18n'
import { sentence } from '../mail/words'
import type { QueueEntry } from '../../api/types'

/** One sentence: who holds it, else what the last attempt met, else that there was none. */
export function waitsBecause(entry: QueueEntry): string {
  if (entry.held !== null) {
    if (entry.held.damaged) return t('queue.damaged')
    const { by, reason } = entry.held
    return reason === null ? t('queue.heldBy', { who: by }) : t('queue.heldByReason', { who: by, reason })
  }
  const made = entry.waiting_because?.cause ?? entry.last?.text ?? null
  return sentence(made, entry.last) ?? t('queue.notTried')
}
