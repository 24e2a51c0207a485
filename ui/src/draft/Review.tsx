/**
 * The draft before it is published: every change in words and as text, what lint says,
 * and the reason that is kept with the revision.
 */

import { useEffect, useState } from 'react'
import type { Compared, Difference, Finding, Problem } from '../api/types'
import { Banner, Button, Dialog, ErrorBanner, ErrorState, Skeleton, Tabs, TextField, toast } from '../design'
import { api, ProblemError } from '../lib/api'
import { t } from '../lib/i18n'
import { ChangeList, DiffText } from './difference'
import { wire } from './document'
import { draftStore, loadPolicy, publish, useCheck } from './state'
import type { Draft } from './store'

/** Asks the gateway how a document differs from what holds now. */
function useDifference(draft: Draft): { data: Difference | null; error: unknown; reload: () => void } {
  const [state, setState] = useState<{ data: Difference | null; error: unknown }>({ data: null, error: null })
  const [round, setRound] = useState(0)
  useEffect(() => {
    let wanted = true
    api.post<Difference>('/policy/diff', { document: wire(draft.document), base: draft.base } satisfies Compared).then(
      (data) => wanted && setState({ data, error: null }),
      (error: unknown) => wanted && setState({ data: null, error }),
    )
    return () => {
      wanted = false
    }
  }, [draft.document, draft.base, round])
  return { ...state, reload: () => setRound((n) => n + 1) }
}

export function Review({ draft, onClose, onPublished }: { draft: Draft; onClose: () => void; onPublished?: (revision: number) => void }) {
  const difference = useDifference(draft)
  const { checked, busy: checking } = useCheck(draft.document)
  const [tab, setTab] = useState('words')
  const [reason, setReason] = useState('')
  const [missing, setMissing] = useState(false)
  const [busy, setBusy] = useState(false)
  const [error, setError] = useState<unknown>(null)
  const errors = checked?.errors ?? []

  const go = async () => {
    if (busy || errors.length > 0) return
    if (reason.trim() === '') {
      setMissing(true)
      return
    }
    setBusy(true)
    setError(null)
    try {
      const done = await publish(draft, reason.trim())
      toast(done.changed ? t('draft.published', { revision: done.revision }) : t('draft.publishedSame'))
      onPublished?.(done.revision)
      onClose()
    } catch (problem) {
      if (problem instanceof ProblemError && problem.status === 412) {
        const revision = Number(problem.body.revision)
        if (Number.isFinite(revision)) draftStore.noticed(revision)
        else void loadPolicy()
        onClose()
      } else setError(problem)
    } finally {
      setBusy(false)
    }
  }

  return (
    <Dialog
      open
      wide
      title={t('draft.reviewTitle')}
      onClose={onClose}
      onSubmit={() => void go()}
      foot={
        <>
          <Button onClick={onClose}>{t('common.cancel')}</Button>
          <Button type="submit" kind="primary" busy={busy} why={errors.length > 0 ? t('draft.reviewErrors') : null}>
            {t('draft.publish')}
          </Button>
        </>
      }
    >
      <p className="muted">{t('draft.reviewLead', { revision: draft.base })}</p>
      <Problems problems={errors} />
      {difference.error !== null && <ErrorState error={difference.error} retry={difference.reload} />}
      {difference.data === null ? (
        difference.error === null && <Skeleton lines={4} />
      ) : (
        <Tabs
          label={t('draft.reviewTitle')}
          value={tab}
          onValue={setTab}
          tabs={[
            { id: 'words', label: t('draft.words'), content: () => <ChangeList changes={difference.data?.changes ?? []} /> },
            { id: 'text', label: t('draft.asText'), content: () => <DiffText text={difference.data?.text ?? ''} /> },
          ]}
        />
      )}
      <Findings findings={checked?.findings ?? null} busy={checking} />
      <TextField
        label={t('draft.reason')}
        hint={t('draft.reasonHint')}
        value={reason}
        onValue={(value) => {
          setReason(value)
          setMissing(false)
        }}
        error={missing ? t('draft.reasonMissing') : null}
        autoFocus
        maxLength={1000}
      />
      <ErrorBanner error={error} />
    </Dialog>
  )
}

function Problems({ problems }: { problems: readonly Problem[] }) {
  if (problems.length === 0) return null
  return (
    <Banner tone="bad" title={t('draft.reviewErrors')} live>
      <ul>
        {problems.map((problem, index) => (
          <li key={index} className="break">
            {problem.detail} {problem.remedy}
          </li>
        ))}
      </ul>
    </Banner>
  )
}

function Findings({ findings, busy }: { findings: readonly Finding[] | null; busy: boolean }) {
  if (findings === null) return busy ? <p className="muted">{t('draft.checking')}</p> : null
  if (findings.length === 0) return <p className="muted">{t('draft.noFindings')}</p>
  return (
    <Banner tone="warn" title={t('draft.reviewFindings')}>
      <p className="small">{t('draft.reviewFindingsText')}</p>
      <ul>
        {findings.map((finding, index) => (
          <li key={index} className="break">
            {finding.text} {finding.fix}
          </li>
        ))}
      </ul>
    </Banner>
  )
}
