import { describe, expect, it } from 'vitest'
import { hostAndPort, withAnswers } from './plan'

describe('the next hop', () => {
  it('is a host, a port, or an address in brackets', () => {
    expect(hostAndPort('mail.acme.example')).toEqual({ host: 'mail.acme.example', port: 25 })
    expect(hostAndPort('10.0.0.5:2525')).toEqual({ host: '10.0.0.5', port: 2525 })
    expect(hostAndPort('[2001:db8::5]:26')).toEqual({ host: '2001:db8::5', port: 26 })
    expect(hostAndPort('2001:db8::5')).toEqual({ host: '2001:db8::5', port: 25 })
  })
})

describe('the first policy', () => {
  const before = { domain: [{ name: 'acme.example', routes: [{ host: '10.0.0.5', port: 25, weight: 7 }] }], rule: [{ system: 'deliver_outbound' }] }
  it('takes domains, next hop and networks, and keeps everything else', () => {
    expect(withAnswers(before, { domains: 'acme.test # new\n\n', nextHop: '10.0.0.6', networks: '10.0.0.0/8\n' })).toEqual({
      domain: [before.domain[0], { name: 'acme.test', routes: [{ host: '10.0.0.6', port: 25 }] }],
      outbound_source: [{ network: '10.0.0.0/8' }],
      rule: before.rule,
    })
  })
  it('said twice is said once', () => {
    const answers = { domains: 'ACME.example', nextHop: '10.0.0.5:25', networks: '10.0.0.0/8' }
    const once = withAnswers(before, answers)
    expect(withAnswers(once, answers)).toEqual(once)
    expect(once.domain).toEqual(before.domain)
  })
})
