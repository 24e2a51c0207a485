// Evidence: for a period and a scope, what was delivered and how, whether the record of it is complete, and the file
// that an auditor takes away.

import { useState } from 'react'
import { useWhyNot } from '../../app/session'
import { Banner, Button, Card, CopyBox, CopyButton, DateRange, ErrorBanner, Facts, Loaded, month, Page, SelectField, Table, toast } from '../../design'
import { download } from '../../lib/api'
import { day, number } from '../../lib/format'
import { t } from '../../lib/i18n'
import { useAction, useQuery } from '../../lib/query'
import '../mail/mail.css'
import { dayOf, periodProblem, type Period } from '../../lib/period'
import { ScopeField, useScope, type Scope } from './Scope'
import type { Evidence as Summary } from '../../api/types'
import { Roots } from './Roots'

export default function Evidence() {
  const [period, setPeriod] = useState<Period>(() => month(0))
  const scope = useScope()
  const problem = periodProblem(period)
  const ready = problem === null && scope.query !== null
  // A day that has not begun has no evidence.
  const today = dayOf(new Date())
  const asked = period.from <= today && period.to > today ? { ...period, to: today } : period
  const query = { ...asked, ...scope.query }
  const summary = useQuery<Summary>(ready ? '/tls/evidence' : null, { query })
  return (
    <Page title={t('evidence.title')} intro={t('evidence.lead')} help={{ cli: `gatepost tls evidence export --from ${period.from} --to ${period.to}`, api: `GET /api/v1/tls/evidence?from=${period.from}&to=${period.to}`, keys: ['retention.evidence'] }}>
      <Card>
        <div className="toolbar">
          <DateRange value={period} onValue={setPeriod} />
          <ScopeField scope={scope} />
        </div>
        <p className="muted small">{t('mail.utcDays')}</p>
        {problem !== null && <Banner tone="warn">{t(`mail.${problem}`)}</Banner>}
        <Export query={query} ready={ready} period={asked} />
      </Card>
      {ready && (
        <Loaded query={summary} lines={8}>
          {(data) => <Result data={data} scope={scope} period={asked} />}
        </Loaded>
      )}
      <Verify />
    </Page>
  )
}

function Export({ query, ready, period }: { query: Record<string, string | null | undefined>; ready: boolean; period: Period }) {
  const why = useWhyNot('export_evidence')
  const [addresses, setAddresses] = useState('hidden')
  const save = useAction(async () => {
    await download('/tls/evidence/export', `evidence-${period.from}-${period.to}.jsonl`, { query: { ...query, addresses } })
    toast(t('evidence.exported'))
  })
  return (
    <>
      <div className="toolbar">
        <SelectField
          className="wide"
          label={t('evidence.addresses')}
          value={addresses}
          onValue={setAddresses}
          choices={[
            { value: 'hidden', label: t('evidence.addressesHidden') },
            { value: 'clear', label: t('evidence.addressesClear') },
          ]}
        />
        <Button kind="primary" icon="download" busy={save.busy} why={why ?? (ready ? null : t('mail.noDay'))} onClick={() => void save.run()}>
          {t('evidence.export')}
        </Button>
      </div>
      <ErrorBanner error={save.error} />
    </>
  )
}

function Result({ data, scope, period }: { data: Summary; scope: Scope; period: Period }) {
  const clear = data.delivered - data.encrypted
  return (
    <>
      <Card title={t('evidence.counts')} intro={t('evidence.of', { scope: scope.words, from: day(period.from), to: day(period.to) })}>
        {data.records === 0 ? (
          <p className="muted">{t(data.covered ? 'evidence.nothing' : 'evidence.none')}</p>
        ) : (
          <>
            {data.clear_under_enforced === 0 ? <Banner tone="ok" title={t('evidence.clearEnforcedNone')} /> : <Banner tone="bad" title={t('evidence.clearEnforcedSome', { n: data.clear_under_enforced })} />}
            <div className="figures">
              {(
                [
                  ['records', data.records],
                  ['delivered', data.delivered],
                  ['encrypted', data.encrypted],
                  ['verified', data.verified],
                  ['clear', clear],
                  ['clearEnforced', data.clear_under_enforced],
                ] as const
              ).map(([name, value]) => (
                <div className="figure" key={name}>
                  <b>{number(value)}</b>
                  <span>{t(`evidence.${name}`)}</span>
                </div>
              ))}
            </div>
          </>
        )}
      </Card>
      <Card title={t('evidence.completeness')}>
        <Completeness data={data} period={period} />
        <Roots data={data} period={period} />
        {data.key_fingerprint !== null && (
          <Facts
            rows={[
              [
                t('evidence.key'),
                <span key="k" className="row">
                  <code>{data.key_fingerprint}</code>
                  <CopyButton text={data.key_fingerprint} what={t('evidence.key')} />
                </span>,
              ],
            ]}
          />
        )}
        <p className="muted small">{t('evidence.keyHint')}</p>
      </Card>
    </>
  )
}

function Completeness({ data, period }: { data: Summary; period: Period }) {
  if (data.covered === null || data.covered === undefined) {
    return (
      <Banner tone="warn" title={t('evidence.none')}>
        <p>{data.chain_since ? t('evidence.chainSince', { day: day(data.chain_since) }) : t('evidence.noChain')}</p>
        <Missing data={data} />
      </Banner>
    )
  }
  return (
    <>
      {data.complete ? (
        <Banner tone="ok" title={t('evidence.complete')}>
          <p>{t('evidence.completeText')}</p>
        </Banner>
      ) : (
        <Banner tone="bad" title={t('evidence.incomplete')}>
          <Missing data={data} />
        </Banner>
      )}
      {data.covered.from > period.from && <Banner>{t('evidence.begins', { day: day(data.covered.from) })}</Banner>}
      {data.removed_days > 0 && <Banner tone="warn">{t('evidence.removed', { n: data.removed_days })}</Banner>}
      {data.gaps.length > 0 && (
        <Table caption={t('evidence.gaps')} rows={data.gaps} rowKey={(_, at) => String(at)} columns={[{ key: 'gap', head: t('evidence.gaps'), names: true, cell: (gap) => <code>{gap.first === gap.last ? String(gap.first) : `${String(gap.first)}–${String(gap.last)}`}</code> }]} />
      )}
    </>
  )
}

/** Everything that is missing or not as it was written, in sentences. */
function Missing({ data }: { data: Summary }) {
  return (
    <>
      {data.missing > 0 && <p>{t('evidence.missing', { n: data.missing })}</p>}
      {data.mismatches.map((one) => (
        <p key={one.day}>{t('evidence.mismatch', { day: day(one.day), journal: one.journal, records: one.records })}</p>
      ))}
      {data.damaged > 0 && <p>{t('evidence.damaged', { n: data.damaged })}</p>}
      {data.before_chain > 0 && <p>{t('evidence.beforeChain', { n: data.before_chain })}</p>}
      {data.elsewhere > 0 && <p>{t('evidence.elsewhere', { n: data.elsewhere })}</p>}
    </>
  )
}

function Verify() {
  return (
    <div className="columns">
      <Card title={t('evidence.verify')}>
        <p>{t('evidence.verifyText')}</p>
        <CopyBox label={t('common.asCli')} text={t('evidence.verifyCommand')} />
        <p className="muted">{t('evidence.verifyExit')}</p>
      </Card>
      <Card title={t('evidence.limits')}>
        <ul className="bullets">
          <li>{t('evidence.limitHop')}</li>
          <li>{t('evidence.limitOwn')}</li>
          <li>{t('evidence.limitOpportunistic')}</li>
        </ul>
      </Card>
    </div>
  )
}
