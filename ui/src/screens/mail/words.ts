// Words of the gateway in the words of the reader. A word that this console does not know is shown as it came.

import { currentLanguage, t, wordOf } from '../../lib/i18n'
import type { Attempt, DecidedBy, QueueEntry, TlsRecord, Try } from '../../api/types'

export const levelWord = (level: string): string => wordOf(`mail.level_${level}`, level)
export const outcomeWord = (outcome: string): string => wordOf(`mail.outcome_${outcome}`, outcome)
export const stateWord = (state: string): string => wordOf(`mail.state_${state}`, state)
export const clearWord = (why: string): string => wordOf(`mail.clear_${why}`, why)
export const verifiedWord = (by: string): string => wordOf(`mail.verified_${by}`, by)
export const stageWord = (stage: string): string => wordOf(`mail.stage_${stage}`, stage)
export const verdictWord = (verdict: string): string => wordOf(`history.verdict_${verdict}`, verdict)

/** A clause on a cause, to follow a host's name and a colon. */
export const whyClause = (why: string): string => wordOf(`why.${why}`, why)

/** What TLS a connection had: `TLSv1.3, certificate verified`, or why it was in clear text. */
export function tlsWords(tls: TlsRecord | string | null, clear: string | null = null): string | null {
  if (typeof tls === 'string') return tls
  if (tls !== null) return `${tls.version}, ${verifiedWord(tls.verified_by)}`
  return clear === null ? null : clearWord(clear)
}

type Failure = Pick<Attempt | Try, 'host' | 'address' | 'why' | 'reply'>

/** One sentence on why an attempt did not deliver, with the other side's reply; null where it did. */
export function failure(attempt: Failure): string | null {
  if (attempt.why === null) return null
  const at = attempt.address === null ? '' : ` [${attempt.address}]`
  const host = attempt.host === null ? '' : `${attempt.host}${at}: `
  const reply = attempt.reply === null ? '' : `: “${attempt.reply}”`
  return `${host}${whyClause(attempt.why)}${reply}`
}

/**
 * A sentence that the gateway made in English, or the same of the catalogue where the reader's language is another:
 * what the gateway says is exact, and only as long as somebody can read it.
 */
export function sentence(made: string | null, last: QueueEntry['last']): string | null {
  if (currentLanguage() === 'en' || last?.why == null) return made
  const host = last.host === null ? '' : `${last.host}: `
  const reply = /"((?:[^"\\]|\\.)*)"\s*$/.exec(last.text ?? '')?.[1]
  return `${host}${whyClause(last.why)}${reply === undefined ? '' : `: “${reply}”`}`
}

/** Who wanted the level of an attempt. */
export function wantedBy(by: DecidedBy): string {
  if (by.header !== null && by.rule !== null) return t('history.wantedByHeader', { header: by.header, rule: by.rule })
  if (by.header !== null) return t('history.wantedBySubmitted', { header: by.header })
  if (by.tls_policy !== null) return t('history.wantedByPolicy', { domain: by.tls_policy })
  if (by.route != null) return t('history.wantedByRoute', { host: by.route })
  if (by.login != null) return t('history.wantedByLogin', { host: by.login })
  if (by.exception !== null) return t('tls.byException', { name: by.exception })
  if (by.published !== null) return t('tls.byPublished', { how: by.published })
  return t('history.wantedByDefault')
}
