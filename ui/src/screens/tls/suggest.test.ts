import { expect, it } from 'vitest'
import type { TlsDomain } from '../../api/types'
import { couldBeEnforced } from './suggest'

function domain(name: string, over: Partial<TlsDomain> = {}, deliveries: Partial<TlsDomain['deliveries']> = {}): TlsDomain {
  return {
    domain: name,
    level: 'try',
    decided_by: { rule: null, rule_data: null, tls_policy: null, exception: null, published: null, default: true },
    last_probe: null,
    waiting: 0,
    ...over,
    deliveries: { delivered: 3, encrypted: 3, verified: 3, clear: 0, bounced: 0, ...deliveries },
  }
}

it('suggests what would go on as it did, and nothing else', () => {
  const domains = [
    domain('good.example'),
    domain('plain.example', { level: 'plain' }),
    domain('enforced.example', { level: 'require' }),
    domain('never.example', {}, { delivered: 0, encrypted: 0, verified: 0 }),
    domain('once-unverified.example', {}, { verified: 2 }),
    domain('bounced.example', {}, { bounced: 1 }),
    domain('waits.example', { waiting: 1 }),
    domain('.below.example'),
  ]
  expect(couldBeEnforced(domains)).toEqual(['good.example', 'plain.example'])
})
