// The steps after the owner: the gateway's name, the domains, and a message through the simulator.

import { useEffect, useState, type FormEvent } from 'react'
import type { Check, Trace, TraceWish, WirePolicy } from '../../api/types'
import { Banner, Button, Chip, ErrorBanner, Facts, LinesField, Loaded, TextField, type LineProblem } from '../../design'
import { FINAL_ACTIONS } from '../../draft/types'
import { api, call, ProblemError } from '../../lib/api'
import { T, t } from '../../lib/i18n'
import { invalidate, useAction, useQuery } from '../../lib/query'
import { levelName } from '../routes/levels'
import { entries, withAnswers, type Answers } from './plan'

export function HostStep({ hostname, onNext }: { hostname: string; onNext: () => void }) {
  return (
    <div className="stack">
      <h2>{t('setup.step_host')}</h2>
      <p>{t('setup.hostIntro')}</p>
      <Facts rows={[[t('system.hostname'), <code key="h">{hostname}</code>]]} />
      <p className="muted">
        <T id="setup.hostChange" values={{ key: <code>hostname</code>, file: <code>gatepost.toml</code> }} />
      </p>
      <div>
        <Button kind="primary" onClick={onNext}>
          {t('common.next')}
        </Button>
      </div>
    </div>
  )
}

export function DomainsStep({ onBack, onNext }: { onBack: () => void; onNext: (firstDomain: string) => void }) {
  const query = useQuery<WirePolicy>('/policy')
  return (
    <div className="stack">
      <h2>{t('setup.step_domains')}</h2>
      <Loaded query={query}>{(policy) => <DomainsForm policy={policy} etag={query.etag} onBack={onBack} onNext={onNext} />}</Loaded>
    </div>
  )
}

/** The line of a box that an entry of a list stands on: the list has what was there before, then the lines. */
function lineOf(text: string, wanted: string): number {
  return text.split('\n').findIndex((line) => line.replace(/#.*/, '').trim().toLowerCase() === wanted.toLowerCase()) + 1
}

interface Problems {
  domains: LineProblem[]
  nextHop: string | null
  networks: LineProblem[]
}

function sorted(error: ProblemError | null, document: WirePolicy, answers: Answers): Problems {
  const problems: Problems = { domains: [], nextHop: null, networks: [] }
  for (const problem of error?.errors ?? []) {
    const text = [problem.detail, problem.remedy].filter(Boolean).join(' ')
    const [, area, index, field] = problem.pointer.split('/')
    const i = Number(index)
    if (area === 'domain' && field === 'routes') problems.nextHop = text
    else if (area === 'domain') problems.domains.push({ line: Math.max(1, lineOf(answers.domains, document.domain?.[i]?.name ?? '')), text })
    else if (area === 'outbound_source') problems.networks.push({ line: Math.max(1, lineOf(answers.networks, document.outbound_source?.[i]?.network ?? '')), text })
  }
  return problems
}

function DomainsForm({ policy, etag, onBack, onNext }: { policy: WirePolicy; etag: string | null; onBack: () => void; onNext: (firstDomain: string) => void }) {
  const [domains, setDomains] = useState((policy.domain ?? []).map((domain) => domain.name).join('\n'))
  const [nextHop, setNextHop] = useState('')
  const [networks, setNetworks] = useState((policy.outbound_source ?? []).map((source) => source.network).join('\n'))
  const [missing, setMissing] = useState(false)
  const answers = { domains, nextHop, networks }
  const document = withAnswers(policy, answers)
  const save = useAction(async () => {
    const check = await api.post<Check>('/policy/check', document)
    if (check.errors.length > 0) throw new ProblemError(422, { title: t('setup.invalid'), errors: check.errors })
    await call('PUT', '/policy', { body: document, query: { reason: t('setup.reason') }, ifMatch: etag ?? undefined })
    invalidate('/policy')
    invalidate('/overview')
    onNext(entries(domains)[0] ?? '')
  })
  const problems = sorted(save.error, document, answers)
  const placed = problems.domains.length + problems.networks.length + (problems.nextHop === null ? 0 : 1)
  const submit = (event: FormEvent) => {
    event.preventDefault()
    setMissing(entries(domains).length === 0)
    if (entries(domains).length > 0) void save.run()
  }
  return (
    <form className="stack" onSubmit={submit} noValidate aria-label={t('setup.step_domains')}>
      <LinesField label={t('setup.domains')} hint={t('setup.domainsHint')} rows={4} value={domains} onValue={setDomains} problems={problems.domains} error={missing ? t('setup.domainsMissing') : undefined} placeholder="acme.example" />
      <TextField label={t('setup.nextHop')} hint={t('setup.nextHopHint')} optional value={nextHop} onValue={setNextHop} error={problems.nextHop} placeholder="10.0.0.5:25" autoComplete="off" />
      <LinesField label={t('setup.networks')} hint={t('setup.networksHint')} optional rows={3} value={networks} onValue={setNetworks} problems={problems.networks} placeholder="10.0.0.0/8" />
      {save.error !== null && placed < Math.max(1, save.error.errors.length) && <ErrorBanner error={save.error} />}
      <div className="step-foot">
        <Button onClick={onBack}>{t('common.back')}</Button>
        <Button type="submit" kind="primary" busy={save.busy}>
          {t('setup.saveDomains')}
        </Button>
      </div>
    </form>
  )
}

export function TestStep({ domain, onBack, onDone }: { domain: string; onBack: () => void; onDone: () => void }) {
  const own = domain === '' ? '' : `postmaster@${domain.replace(/^(\*\.|\.)/, '')}`
  const [from, setFrom] = useState(own)
  const [to, setTo] = useState('anna@partner.example')
  const [trace, setTrace] = useState<Trace | null>(null)
  const run = useAction(async () => {
    const message = `From: <${from.trim()}>\r\nTo: <${to.trim()}>\r\nSubject: ${t('setup.testSubject')}\r\n\r\n${t('setup.testSubject')}\r\n`
    setTrace(await api.post<Trace>('/trace', { from: from.trim(), to: [to.trim()], message } satisfies TraceWish))
  })
  useEffect(() => setTrace(null), [from, to])
  return (
    <div className="stack">
      <h2>{t('setup.step_test')}</h2>
      <p>{t('setup.testIntro')}</p>
      <form
        className="stack"
        noValidate
        aria-label={t('setup.step_test')}
        onSubmit={(event) => {
          event.preventDefault()
          void run.run()
        }}
      >
        <div className="form-row">
          <TextField label={t('setup.testFrom')} type="email" value={from} onValue={setFrom} error={run.error?.of('/from')} autoComplete="off" />
          <TextField label={t('setup.testTo')} type="email" value={to} onValue={setTo} error={run.error?.of('/to/0') ?? run.error?.of('/to')} autoComplete="off" />
        </div>
        <div>
          <Button type="submit" icon="simulator" busy={run.busy}>
            {t('setup.testRun')}
          </Button>
        </div>
      </form>
      {run.error !== null && run.error.errors.length === 0 && <ErrorBanner error={run.error} />}
      {trace !== null && <Verdict trace={trace} />}
      <div className="step-foot">
        <Button onClick={onBack}>{t('common.back')}</Button>
        <Button kind="primary" onClick={onDone}>
          {t('setup.finish')}
        </Button>
      </div>
    </div>
  )
}

/** A Final Action as people call it; one that this console does not know stays as it is written. */
function finalName(final: string): string {
  const known = FINAL_ACTIONS.find((name) => name === final)
  return known === undefined ? final : t(`rules.final_${known}`)
}

function Verdict({ trace }: { trace: Trace }) {
  return (
    <div role="status" className="stack">
      {trace.recipients.map((to) => (
        <section key={to.recipient} className="verdict" aria-label={to.recipient}>
          <h3 className="break">{to.recipient}</h3>
          <Facts
            rows={[
              [t('setup.direction'), to.direction === 'inbound' ? 'Inbound' : 'Outbound'],
              [t('setup.matched'), to.steps.filter((step) => step.matched).map((step) => step.rule).join(' → ') || t('common.none')],
              [t('setup.finalAction'), <Chip key="f" tone={to.final_action === 'deliver' ? 'ok' : 'warn'} icon={to.final_action === 'deliver' ? 'ok' : 'warning'}>{finalName(to.final_action)}</Chip>],
              [t('setup.level'), to.tls?.level == null ? '–' : levelName(to.tls.level)],
            ]}
          />
          {to.warnings.map((warning) => (
            <Banner key={warning} tone="warn">
              {warning}
            </Banner>
          ))}
        </section>
      ))}
    </div>
  )
}
