// What became of each recipient of a message, in one sentence: what the screen says before anything else.

import { t } from '../../lib/i18n'
import type { Attempt, Level, Story } from '../../api/types'
import { failure, tlsWords } from '../mail/words'
import { waitsBecause } from '../queue/because'

export interface Ending {
  recipient: string
  /** A word of the history's states. */
  state: string
  level: Level | null
  text: string
  /** The entry in quarantine, where it is there. */
  quarantine: string | null
}

/** One ending for every recipient: what waits first, for somebody may have to act. */
export function endings(story: Story): Ending[] {
  const found: Ending[] = []
  const done = new Set<string>()
  const put = (ending: Omit<Ending, 'quarantine'> & { quarantine?: string }) => {
    if (done.has(ending.recipient)) return
    done.add(ending.recipient)
    found.push({ quarantine: null, ...ending })
  }
  for (const entry of story.queue) {
    const { recipient, state, level } = entry
    const text = state === 'sending' ? t('history.sum_sending', { recipient }) : t(`history.sum_${state}`, { recipient, why: waitsBecause(entry) })
    put({ recipient, state, level, text })
  }
  for (const entry of story.quarantine) {
    const { recipient, rule, id } = entry
    put({ recipient, state: 'quarantined', level: null, text: t('history.sum_quarantined', { recipient, rule }), quarantine: id })
  }
  for (const attempt of [...story.attempts].reverse()) put(ofAttempt(attempt))
  for (const verdict of story.verdicts) {
    for (const recipient of verdict.recipients) {
      const rule = verdict.rule ?? '–'
      if (verdict.verdict === 'reject') put({ recipient, state: 'rejected', level: null, text: t('history.sum_rejected', { recipient, rule }) })
      else put(gone(story, recipient, verdict))
    }
  }
  return found
}

function ofAttempt(attempt: Attempt): Omit<Ending, 'quarantine'> {
  const { recipient, level } = attempt
  const how = [attempt.host, tlsWords(attempt.tls, attempt.clear_because)].filter(Boolean).join(', ')
  if (attempt.outcome === 'delivered') return { recipient, level, state: 'delivered', text: t('history.sum_delivered', { recipient, how: how === '' ? '' : `(${how})` }) }
  const why = failure(attempt) ?? attempt.status
  // What was only put off and is in no queue any more was taken out of it by somebody.
  if (attempt.outcome === 'deferred') return { recipient, level, state: 'deleted', text: t('history.sum_deleted', { recipient, why }) }
  return { recipient, level, state: 'bounced', text: t('history.sum_bounced', { recipient, why }) }
}

/** A recipient that is nowhere any more: somebody or a rule took it away, or nothing is known. */
function gone(story: Story, recipient: string, verdict: Story['verdicts'][number]): Omit<Ending, 'quarantine'> {
  const why = whyDeleted(story, verdict.verdict === 'deliver' ? null : verdict.rule)
  if (why === '') return { recipient, state: 'unknown', level: null, text: t('history.sum_gone', { recipient }) }
  return { recipient, state: 'deleted', level: null, text: t('history.sum_deleted', { recipient, why }) }
}

/** Who took it away: the last act of somebody, else the rule. */
function whyDeleted(story: Story, rule: string | null): string {
  const act = [...story.events].reverse().find((event) => event.author !== null && /delete|expire/.test(event.what))
  if (act?.author) return [t('history.byWho', { who: act.author.by }), act.author.reason].filter(Boolean).join(': ')
  return rule === null ? '' : t('tls.byRule', { rule })
}
