// What a rule matched in the last days: how many messages, and the newest of them. The history knows rules as they
// were published; what is edited now is tried with Shadow or in the simulator, and the card says so.

import { useEffect, useState } from 'react'
import type { HistoryItem, PageOf, RuleFacts } from '../../api/types'
import { Card, ErrorState, Skeleton } from '../../design'
import { api } from '../../lib/api'
import { Time } from '../../lib/format'
import { t } from '../../lib/i18n'
import { Link } from '../../lib/router'
import { Inert, Subject } from '../mail/Inert'
import { dayOf } from '../../lib/period'

const DAYS = 7
/** So many are counted; beyond, the card says that there are more. */
const COUNTED = 100
/** A search stops at a measure of work with a page that is not full; so many pages are asked for. */
const PAGES = 10
/** So many are named. */
const NAMED = 5

interface Found {
  items: HistoryItem[]
  more: boolean
}

async function matched(query: Record<string, string>, signal: AbortSignal): Promise<Found> {
  const items: HistoryItem[] = []
  let cursor: string | null = null
  for (let page = 0; page < PAGES && items.length < COUNTED; page += 1) {
    const answer: PageOf<HistoryItem> = await api.get<PageOf<HistoryItem>>('/history', { query: { ...query, cursor, limit: COUNTED - items.length }, signal })
    items.push(...answer.items)
    cursor = answer.next
    if (cursor === null) break
  }
  return { items, more: cursor !== null }
}

export function Matches({ facts }: { facts: RuleFacts }) {
  const [found, setFound] = useState<Found | null>(null)
  const [error, setError] = useState<unknown>(null)
  const [round, setRound] = useState(0)
  const since = dayOf(new Date(Date.now() - DAYS * 86_400_000))
  useEffect(() => {
    const stop = new AbortController()
    setError(null)
    matched({ rule: facts.name, since: `${since}T00:00:00Z` }, stop.signal).then(setFound, (problem: unknown) => {
      if (!stop.signal.aborted) setError(problem)
    })
    return () => stop.abort()
  }, [facts.name, since, round])
  return (
    <Card title={t('rules.matches', { n: DAYS })} intro={t('rules.matchesHint')}>
      {error !== null && <ErrorState error={error} retry={() => setRound(round + 1)} />}
      {found === null ? error === null && <Skeleton lines={2} /> : <Messages found={found} history={`/history?rule=${encodeURIComponent(facts.name)}&since=${since}`} />}
    </Card>
  )
}

function Messages({ found: { items, more }, history }: { found: Found; history: string }) {
  return (
    <>
      <p className="strong nums">{more ? t('rules.matchesMore', { n: items.length }) : t('rules.matchesCount', { n: items.length })}</p>
      {items.length > 0 && (
        <ul className="plain stack stack-sm">
          {items.slice(0, NAMED).map((item) => (
            <li key={item.id}>
              <Link to={`/history/${item.id}`} className="break">
                <Subject text={item.subject} />
              </Link>
              <div className="small muted">
                <Inert text={item.recipients.map((one) => one.recipient).join(', ')} /> · <Time at={item.received_at} ago />
              </div>
            </li>
          ))}
        </ul>
      )}
      {(items.length > NAMED || more) && (
        <p>
          <Link to={history}>{t('rules.matchesAll')}</Link>
        </p>
      )}
    </>
  )
}
