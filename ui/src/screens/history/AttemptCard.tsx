// One attempt at one recipient: how it ended and why, what was wanted and had, and every host that was tried.

import { Card, Facts, Table, type Column } from '../../design'
import { Time } from '../../lib/format'
import { t } from '../../lib/i18n'
import { Link } from '../../lib/router'
import { LevelChip, OutcomeChip, TlsChip } from '../mail/chips'
import { Inert } from '../mail/Inert'
import { spelled } from '../mail/unseen'
import type { Attempt, Try } from '../../api/types'
import { failure, stageWord, tlsWords, verifiedWord, wantedBy, whyClause } from '../mail/words'

export function AttemptCard({ attempt, number }: { attempt: Attempt; number: number }) {
  const why = failure(attempt)
  return (
    <Card title={t('history.attempt', { n: number, recipient: spelled(attempt.recipient) })}>
      <div className="row">
        <OutcomeChip outcome={attempt.outcome} />
        <TlsChip tls={attempt.tls} clear={attempt.clear_because} />
        <span className="muted small">
          <Time at={attempt.at} />
        </span>
      </div>
      {why !== null && (
        <p className="first-word">
          <Inert text={why} />
        </p>
      )}
      {attempt.learned_from !== null && (
        <p>
          <Link to={`/history/${attempt.learned_from}`}>{t('history.learned', { id: attempt.learned_from })}</Link>
        </p>
      )}
      <Facts
        rows={[
          [
            t('history.wanted'),
            <span key="w">
              <LevelChip level={attempt.level} /> <Inert text={t('history.wantedBy', { who: wantedBy(attempt.decided_by) })} />
            </span>,
          ],
          [t('history.had'), tlsWords(attempt.tls, attempt.clear_because) ?? '–'],
          [t('history.status'), <code key="s">{attempt.status}</code>],
          [t('history.reply'), attempt.reply === null ? <span className="muted">{t('history.noReply')}</span> : <Inert key="r" text={attempt.reply} />],
        ]}
      />
      <h3>{t('history.tries')}</h3>
      {attempt.tries.length === 0 ? <p className="muted">{t('history.noTries')}</p> : <Table caption={t('history.tries')} columns={columns()} rows={attempt.tries} rowKey={(_, at) => String(at)} />}
    </Card>
  )
}

function columns(): Column<Try>[] {
  return [
    {
      key: 'host',
      head: t('mail.host'),
      names: true,
      cell: (one) => (
        <>
          <Inert text={one.host} />
          {one.address !== null && <div className="muted small">{one.address}</div>}
        </>
      ),
    },
    {
      key: 'tls',
      head: 'TLS',
      cell: (one) =>
        one.tls === null ? (
          <TlsChip tls={null} clear={one.clear_because} />
        ) : (
          <div className="stack stack-sm">
            <span>
              <TlsChip tls={one.tls} clear={null} />
            </span>
            <span className="small">
              {one.tls.cipher}, {verifiedWord(one.tls.verified_by)}
            </span>
            {one.tls.certificate_sha256 !== null && (
              <span className="small muted">
                {t('history.certHash')}: <code className="hash">{one.tls.certificate_sha256}</code>
              </span>
            )}
          </div>
        ),
    },
    { key: 'stage', head: t('history.got'), cell: (one) => stageWord(one.stage) },
    {
      key: 'why',
      head: t('history.reply'),
      cell: (one) => (
        <div className="stack stack-sm">
          <span>{one.why === null ? t('history.took') : whyClause(one.why)}</span>
          {one.reply !== null && <Inert text={one.reply} />}
          {one.detail !== null && (
            <span className="small muted">
              <Inert text={one.detail} />
            </span>
          )}
        </div>
      ),
    },
  ]
}
