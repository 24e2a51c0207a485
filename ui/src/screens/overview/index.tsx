// Overview: can mail be accepted, what waits, what left encrypted, and what somebody should look at.

import type { ReactNode } from 'react'
import type { Overview, Refusal } from '../../api/types'
import { Banner, ButtonLink, Card, Chip, EmptyState, Icon, Loaded, Page, Table, type ChipTone, type IconName } from '../../design'
import { duration, number, percent, Time } from '../../lib/format'
import { T, t } from '../../lib/i18n'
import { Link } from '../../lib/router'
import { useQuery } from '../../lib/query'
import { Traffic } from './Traffic'
import './overview.css'

export default function OverviewScreen() {
  const query = useQuery<Overview>('/overview', { refresh: 15 })
  return (
    <Page title={t('overview.title')} intro={query.at === null ? undefined : <T id="overview.asOf" values={{ time: <Time at={query.at} /> }} />} help={{ text: <p>{t('overview.help')}</p>, cli: 'gatepost check && gatepost queue list', api: 'GET /api/v1/overview' }}>
      <Loaded query={query} lines={12}>
        {(overview) => (
          <>
            {!overview.accepting && <Obstacles obstacles={overview.obstacles} />}
            {overview.last_24h.clear_under_enforced > 0 && (
              <Banner tone="bad" live title={t('overview.clearUnderEnforcedBad', { n: overview.last_24h.clear_under_enforced })}>
                <p>{t('overview.clearUnderEnforcedAct')}</p>
              </Banner>
            )}
            <Tiles overview={overview} />
            <Card title={t('overview.traffic')} intro={t('overview.trafficIntro')}>
              <Traffic hours={overview.hours} />
            </Card>
            <div className="columns">
              <Refusals refusals={overview.refusals} />
              <LastChange overview={overview} />
            </div>
          </>
        )}
      </Loaded>
    </Page>
  )
}

function Obstacles({ obstacles }: { obstacles: string[] }) {
  return (
    <Banner tone="bad" live title={t('overview.notAccepting')}>
      <ul>
        {obstacles.map((obstacle) => (
          <li key={obstacle}>{obstacle}</li>
        ))}
      </ul>
    </Banner>
  )
}

function Tile({ title, value, note, tone = 'quiet', icon, to }: { title: string; value: ReactNode; note?: ReactNode; tone?: ChipTone; icon: IconName; to?: string }) {
  return (
    <li className="tile card" data-tone={tone}>
      <h2 className="tile-title">
        <Icon name={icon} />
        {to === undefined ? title : <Link to={to}>{title}</Link>}
      </h2>
      <p className="tile-value nums">{value}</p>
      {note !== undefined && <p className="tile-note muted small">{note}</p>}
    </li>
  )
}

function Tiles({ overview }: { overview: Overview }) {
  const { queue, last_24h: day } = overview
  const delivered = day.encrypted + day.clear
  const oldest = queue.oldest_age === null ? t('overview.nothingWaits') : t('overview.oldest', { age: duration(queue.oldest_age) })
  const aside = [queue.sending > 0 ? t('overview.sending', { n: queue.sending }) : '', queue.held > 0 ? t('overview.held', { n: queue.held }) : ''].filter((text) => text !== '')
  return (
    <ul className="plain tiles">
      <Tile title={t('overview.accepting')} icon={overview.accepting ? 'ok' : 'error'} tone={overview.accepting ? 'ok' : 'bad'} value={overview.accepting ? t('common.yes') : t('common.no')} note={overview.accepting ? t('overview.acceptingNote') : t('overview.notAcceptingNote', { n: overview.obstacles.length })} to="/system" />
      <Tile
        title={t('overview.enforcedClear')}
        icon="shield"
        tone={day.clear_under_enforced === 0 ? 'ok' : 'bad'}
        value={number(day.clear_under_enforced)}
        note={t('overview.enforcedClearNote')}
        to="/evidence"
      />
      <Tile title={t('overview.tlsShare')} icon="lock" value={percent(day.encrypted, delivered)} note={delivered === 0 ? t('overview.noDelivery') : t('overview.tlsShareNote', { verified: percent(day.verified, delivered), clear: day.clear })} to="/reports" />
      <Tile title={t('overview.queue')} icon="queue" value={number(queue.waiting)} note={[oldest, ...aside].join(' · ')} to="/queue" />
      <Tile title={t('overview.received')} icon="inbound" value={number(day.received)} note={t('overview.deliveredNote', { delivered: day.delivered, bounced: day.bounced })} to="/history" />
      <Tile title={t('overview.quarantined')} icon="quarantine" value={number(overview.quarantined)} to="/quarantine" />
    </ul>
  )
}

function Refusals({ refusals }: { refusals: Refusal[] }) {
  return (
    <Card title={t('overview.refusals')} intro={t('overview.refusalsIntro')} flush>
      {refusals.length === 0 ? (
        <EmptyState icon="ok" title={t('overview.noRefusals')} />
      ) : (
        <Table
          compact
          caption={t('overview.refusals')}
          rows={refusals}
          rowKey={(r) => `${r.domain} ${r.why}`}
          columns={[
            { key: 'domain', head: t('overview.domain'), names: true, cell: (r) => <Link to={`/queue?domain=${encodeURIComponent(r.domain)}`}>{r.domain}</Link> },
            { key: 'why', head: t('overview.why'), cell: (r) => <code>{r.why}</code> },
            { key: 'count', head: t('overview.waiting'), end: true, cell: (r) => number(r.count) },
            { key: 'oldest', head: t('overview.since'), cell: (r) => <Time at={r.oldest} ago /> },
          ]}
        />
      )}
    </Card>
  )
}

function LastChange({ overview }: { overview: Overview }) {
  const change = overview.last_change
  return (
    <Card
      title={t('overview.policy')}
      actions={overview.findings > 0 ? <Chip tone="warn" icon="warning">{t('overview.findings', { n: overview.findings })}</Chip> : <Chip tone="ok" icon="ok">{t('overview.noFindings')}</Chip>}
    >
      {change === null ? (
        <p className="muted">{t('overview.noChange')}</p>
      ) : (
        <div className="stack stack-sm">
          <p>
            <T
              id="overview.lastChange"
              values={{
                revision: (
                  <Link to={`/changes/${change.revision}`}>
                    {t('overview.revision')} {change.revision}
                  </Link>
                ),
                by: <strong>{change.by}</strong>,
                when: <Time at={change.at} ago />,
              }}
            />
          </p>
          {change.reason !== null && change.reason !== '' && <blockquote className="quote">{change.reason}</blockquote>}
        </div>
      )}
      <div className="row">
        <ButtonLink to="/rules" small>
          {t('nav.rules')}
        </ButtonLink>
        <ButtonLink to="/changes" small>
          {t('nav.changes')}
        </ButtonLink>
      </div>
    </Card>
  )
}
