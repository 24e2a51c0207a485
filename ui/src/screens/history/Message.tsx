// One message: what became of it in a sentence first, then how it came, what the rules said, every attempt with its
// evidence, and what people did.

import { Fragment } from 'react'
import { useCan } from '../../app/session'
import { ButtonLink, Card, Chip, EmptyState, Facts, Loaded, Page, Skeleton, ErrorState } from '../../design'
import { bytes, Time } from '../../lib/format'
import { T, t } from '../../lib/i18n'
import { useQuery } from '../../lib/query'
import { Link } from '../../lib/router'
import type { ScreenProps } from '../../app/routes'
import { segment } from '../../lib/api'
import { LevelChip, StateChip } from '../mail/chips'
import { Inert, Sender } from '../mail/Inert'
import { spelled } from '../mail/unseen'
import '../mail/mail.css'
import type { Story } from '../../api/types'
import { verdictWord } from '../mail/words'
import { RuleLink } from '../rules/RuleLink'
import { AttemptCard } from './AttemptCard'
import { endings } from './endings'

export default function Message({ params }: ScreenProps) {
  const id = params.id ?? ''
  const readable = useCan('read_content')
  const story = useQuery<Story>(`/messages/${segment(id)}`)
  const back = { to: '/history', label: t('history.back') }
  if (story.data === undefined) {
    const missing = story.error?.status === 404
    return (
      <Page title={t('history.message')} back={back}>
        {missing ? <EmptyState icon="mail" title={t('history.notFound')} /> : story.error !== null ? <ErrorState error={story.error} retry={story.reload} /> : <Skeleton lines={8} />}
      </Page>
    )
  }
  const subject = story.data.subject.trim()
  return (
    <Page
      title={subject === '' ? t('mail.noSubject') : spelled(subject)}
      back={back}
      help={{ cli: `gatepost messages show ${id}`, api: `GET /api/v1/messages/${id}` }}
      actions={
        readable ? (
          <ButtonLink to={`/simulator?message=${segment(id)}`} icon="simulator">
            {t('history.simulate')}
          </ButtonLink>
        ) : undefined
      }
    >
      <Loaded query={story}>{(data) => <Whole story={data} />}</Loaded>
    </Page>
  )
}

function Whole({ story }: { story: Story }) {
  return (
    <>
      <Card title={t('history.whyFirst')}>
        <ul className="plain stack">
          {endings(story).map((ending, at) => (
            <li key={at} className="stack stack-sm">
              <span className="row">
                <StateChip state={ending.state} />
                <LevelChip level={ending.level} />
              </span>
              <span className="first-word">
                <Inert text={ending.text} />
              </span>
              {ending.state === 'waiting' || ending.state === 'held' || ending.state === 'sending' ? <Link to={`/queue?filter=${encodeURIComponent(`message=${story.id}`)}`}>{t('history.toQueue')}</Link> : null}
              {ending.quarantine !== null && <Link to={`/quarantine/${ending.quarantine}`}>{t('history.toQuarantine')}</Link>}
            </li>
          ))}
          {endings(story).length === 0 && <li className="muted">{t('history.sum_none')}</li>}
        </ul>
      </Card>
      <Card title={t('history.received')}>
        <Facts
          rows={[
            [t('mail.at'), <Time key="t" at={story.received_at} />],
            [t('mail.sender'), <Sender key="s" text={story.sender} />],
            [
              t('mail.host'),
              <span key="c">
                <Inert text={t('history.receivedFrom', { address: story.client.address, helo: story.client.helo })} /> {story.client.tls === null ? t('history.receivedClear') : t('history.receivedTls', { version: story.client.tls })}
              </span>,
            ],
            [t('mail.size'), bytes(story.size)],
            [t('history.id'), <code key="i">{story.id}</code>],
            [t('history.policy'), <Link key="r" to={`/changes/${String(story.revision)}`}>{t('history.receivedRevision', { n: story.revision })}</Link>],
          ]}
        />
      </Card>
      <Verdicts story={story} />
      <section className="stack" aria-label={t('history.attempts')}>
        <h2>{t('history.attempts')}</h2>
        {story.attempts.length === 0 && <p className="muted">{t('history.noAttempts')}</p>}
        {story.attempts.map((attempt, at) => (
          <AttemptCard key={at} attempt={attempt} number={at + 1} />
        ))}
      </section>
      <Card title={t('history.story')}>
        <ol className="timeline">
          {story.story.map((line, at) => (
            <li key={at}>
              <span className="muted small">
                <Time at={line.at} />
              </span>
              <Inert text={line.text} />
              {line.more.map((more, i) => (
                <span key={i} className="small">
                  <Inert text={more} />
                </span>
              ))}
            </li>
          ))}
        </ol>
      </Card>
    </>
  )
}

function Verdicts({ story }: { story: Story }) {
  return (
    <Card title={t('history.rules')}>
      <ul className="plain stack">
        {story.verdicts.map((verdict, at) => (
          <li key={at} className="stack stack-sm">
            <span className="row">
              <Chip tone="accent">{verdictWord(verdict.verdict)}</Chip>
              {verdict.direction !== null && <Chip icon={verdict.direction}>{t(`history.${verdict.direction}`)}</Chip>}
              <span>{verdict.rule === null ? t('history.verdictByNone') : <T id="history.verdictBy" values={{ rule: <RuleLink name={verdict.rule} /> }} />}</span>
            </span>
            <span>
              {t('history.recipients')}: <Inert text={verdict.recipients.join(', ')} />
            </span>
            <span className="small">
              {verdict.matched.length === 0 ? (
                t('history.matchedNone')
              ) : (
                <>
                  {t('history.matched')}:{' '}
                  {verdict.matched.map((one, place) => (
                    <Fragment key={place}>
                      {place > 0 && ', '}
                      {one.shadow ? <T id="history.shadow" values={{ rule: <RuleLink name={one.rule} /> }} /> : <RuleLink name={one.rule} />}
                    </Fragment>
                  ))}
                </>
              )}
            </span>
          </li>
        ))}
      </ul>
    </Card>
  )
}
