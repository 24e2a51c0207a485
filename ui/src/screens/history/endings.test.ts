import { describe, expect, it } from 'vitest'
import type { Attempt, QueueEntry, Story } from '../../api/types'
import { endings } from './endings'

function attempt(recipient: string, over: Partial<Attempt> = {}): Attempt {
  return {
    message: '01J00000000000000000000007',
    recipient,
    sender: 'a@acme.example',
    subject: 'Hello',
    at: '2026-11-24T03:00:00Z',
    outcome: 'delivered',
    level: 'require',
    decided_by: { header: null, rule: null, tls_policy: null, exception: null, published: null, default: true, login: null, route: null, revision: 7 },
    host: 'mx1.partner.example',
    address: '192.0.2.10:25',
    tls: { version: 'TLSv1.3', cipher: 'x', certificate_sha256: null, verified_by: 'web_pki' },
    clear_because: null,
    why: null,
    reply: '250 ok',
    status: '2.0.0',
    tries: [],
    learned_from: null,
    ...over,
  }
}

const failed: Partial<Attempt> = { outcome: 'deferred', tls: null, why: 'starttls-not-offered', reply: '250 HELP', status: '4.7.4' }

function waiting(recipient: string): QueueEntry {
  return {
    id: '01J00000000000000000000001',
    message: '01J00000000000000000000007',
    sender: 'a@acme.example',
    recipient,
    domain: 'partner.example',
    level: 'require',
    state: 'waiting',
    attempts: 1,
    next_attempt: '2026-11-24T04:00:00Z',
    expires: null,
    last: { host: 'mx1.partner.example', status: '4.7.4', why: 'starttls-not-offered', text: 'mx1.partner.example: does not offer STARTTLS' },
    asked: null,
    warned: false,
    held: null,
    pending: null,
    waiting_because: null,
  }
}

function story(over: Partial<Story>): Story {
  return {
    id: '01J00000000000000000000007',
    received_at: '2026-11-24T02:00:00Z',
    sender: 'a@acme.example',
    subject: 'x',
    size: 1,
    client: { address: '127.0.0.1', helo: 'x', tls: null, from_source: true },
    revision: 7,
    verdicts: [],
    events: [],
    attempts: [],
    queue: [],
    quarantine: [],
    story: [],
    ...over,
  }
}

const of = (over: Partial<Story>) => endings(story(over)).map(({ recipient, state, text }) => [recipient, state, text])

describe('what became of a message', () => {
  it('is said once for each recipient, what waits first, and by its last attempt', () => {
    expect(
      of({
        queue: [waiting('anna@partner.example')],
        attempts: [attempt('anna@partner.example', failed), attempt('ben@partner.example', failed), attempt('ben@partner.example')],
      }),
    ).toEqual([
      ['anna@partner.example', 'waiting', 'anna@partner.example: waits. mx1.partner.example: does not offer STARTTLS'],
      ['ben@partner.example', 'delivered', 'ben@partner.example: delivered (mx1.partner.example, TLSv1.3, certificate verified)'],
    ])
  })

  it('names who holds it and why', () => {
    const held = { ...waiting('anna@partner.example'), state: 'held' as const, held: { by: 'root', at: null, reason: 'ticket 7', damaged: false } }
    expect(of({ queue: [held] })[0]?.[2]).toBe('anna@partner.example: held. Held by root: ticket 7')
  })

  it('quotes the other side where it was given up', () => {
    expect(of({ attempts: [attempt('anna@partner.example', { ...failed, outcome: 'bounced' })] })[0]?.slice(1)).toEqual([
      'bounced',
      'anna@partner.example: given up. mx1.partner.example [192.0.2.10:25]: does not offer STARTTLS: “250 HELP”',
    ])
  })

  it('does not call a message delivered that only a rule let pass', () => {
    const verdict = { recipients: ['anna@partner.example'], direction: 'outbound' as const, verdict: 'deliver', rule: 'Deliver Outbound', matched: [], demands: [] }
    expect(of({ verdicts: [verdict] })[0]?.[1]).toBe('unknown')
    expect(of({ verdicts: [{ ...verdict, verdict: 'reject', rule: 'No offers' }] })[0]).toEqual(['anna@partner.example', 'rejected', 'anna@partner.example: rejected by the rule No offers'])
    const event = { at: '2026-11-24T03:00:00Z', kind: 'act', message: null, author: { by: 'erika', reason: 'spam' }, what: 'queue.delete', detail: null }
    expect(of({ verdicts: [verdict], events: [event], attempts: [] })[0]?.slice(1)).toEqual(['deleted', 'anna@partner.example: deleted. By erika: spam'])
  })
})
