import { describe, expect, it } from 'vitest'
import type { Probe, ProbeHost } from '../../api/types'
import { because, certificate, entryStanding, hostNames, included, left, looked, standing, starttls, tally, versions, type Row } from './readiness'

function host(over: Partial<ProbeHost> = {}): ProbeHost {
  return {
    host: 'mx1.partner.example',
    address: '192.0.2.10:25',
    preference: 10,
    implicit_tls: false,
    login: false,
    starttls: true,
    version: 'TLSv1.3',
    cipher: 'TLS13_AES_256_GCM_SHA384',
    certificate: {
      sha256: 'ab',
      names: ['mx1.partner.example'],
      issuer: 'CA',
      not_before: '2026-01-01T00:00:00Z',
      not_after: '2027-01-01T00:00:00Z',
    },
    verified_by: 'web_pki',
    levels: {},
    stage: null,
    why: null,
    detail: null,
    reply: null,
    status: null,
    ...over,
  }
}

function probe(over: Partial<Probe> = {}): Probe {
  return {
    domain: 'partner.example',
    ready: true,
    level: 'require',
    levels: { try: true, require: true, verify: false },
    verdicts: {
      try: { passes: true, host: 'mx1', clear_because: 'not_offered', why: null, text: 'in clear text' },
      require: { passes: true, host: 'mx1', clear_because: null, why: null, text: 'would be delivered over TLS' },
      verify: { passes: false, host: 'mx1', clear_because: null, why: 'cert.untrusted', text: 'would wait' },
    },
    via: 'mx',
    hosts: [host()],
    why: null,
    detail: null,
    at: '2026-11-24T03:00:00Z',
    ...over,
  }
}

describe('readiness', () => {
  it('is judged by what was probed, and keeps what was not', () => {
    const pattern = probe({ domain: '.hospital.example', ready: false, levels: {}, verdicts: {}, via: null, hosts: [], not_probed: 'subdomains' })
    const late = probe({ domain: 'slow.example', ready: false, levels: {}, verdicts: {}, via: null, hosts: [], not_probed: 'time' })
    expect(entryStanding([pattern, probe()], 'require')).toBe('passes')
    expect(entryStanding([pattern], 'require')).toBe('unknown')
    expect(entryStanding([probe(), late], 'require')).toBe('unknown')
    expect([looked([pattern, late, probe()]).length, left([pattern, late, probe()]).length]).toEqual([1, 2])
  })

  it('is judged at each level', () => {
    expect(standing(probe(), 'require')).toBe('passes')
    expect(standing(probe(), 'verify')).toBe('fails')
    expect(standing(probe(), 'try')).toBe('clear')
    expect(standing(probe(), 'dane')).toBe('unknown')
    expect(standing(probe({ verdicts: {} }), 'verify')).toBe('fails')
    expect(because(probe({ verdicts: {}, why: 'no-mx', detail: 'no host' }), 'require')).toEqual({
      why: 'no-mx',
      text: 'no host',
      host: null,
    })
  })

  it('is counted, and a domain that could not be probed is no success', () => {
    const rows: Row[] = [
      { state: 'done', domain: 'a', probes: [probe()] },
      { state: 'failed', domain: 'b', problem: 'no answer' },
      { state: 'probing', domain: 'c' },
      { state: 'done', domain: 'd', probes: [] },
    ]
    expect(tally(rows, 'require')).toEqual({ passes: 1, fails: 0, unknown: 2, pending: 1 })
    expect(tally(rows, 'verify')).toEqual({ passes: 0, fails: 1, unknown: 2, pending: 1 })
  })

  it('is as bad as the worst of its domains', () => {
    expect(entryStanding([probe(), probe({ verdicts: {}, levels: { require: false } })], 'require')).toBe('fails')
    expect(entryStanding([probe(), probe({ verdicts: {}, levels: {} })], 'require')).toBe('unknown')
    expect(entryStanding([], 'require')).toBe('unknown')
  })

  it('leaves out what would wait, until the person decides', () => {
    const row: Row = { state: 'done', domain: 'a', probes: [probe()] }
    const nobody = new Map<string, boolean>()
    expect(included(row, 'require', nobody)).toBe(true)
    expect(included(row, 'verify', nobody)).toBe(false)
    expect(included(row, 'verify', new Map([['a', true]]))).toBe(true)
    expect(included(row, 'require', new Map([['a', false]]))).toBe(false)
    expect(included({ state: 'failed', domain: 'a', problem: 'x' }, 'verify', nobody)).toBe(true)
    expect(included({ state: 'done', domain: 'a', probes: [] }, 'verify', nobody)).toBe(true)
    expect(included({ state: 'waiting', domain: 'a' }, 'verify', nobody)).toBe(true)
  })

  it('says what hosts offer', () => {
    const plain = host({ host: 'mx2', starttls: false, version: null, certificate: null })
    const silent = host({ host: 'mx3', starttls: null, version: null, certificate: null })
    expect(starttls([host(), silent])).toBe('all')
    expect(starttls([host(), plain])).toBe('some')
    expect(starttls([plain])).toBe('none')
    expect(starttls([silent])).toBe('silent')
    expect(versions([host(), host({ version: 'TLSv1.2' }), plain])).toEqual(['TLSv1.2', 'TLSv1.3'])
    expect(hostNames([host(), host({ address: '192.0.2.11:25' }), plain])).toEqual(['mx1.partner.example', 'mx2'])
  })

  it('looks at the end of a certificate', () => {
    expect(certificate(host(), new Date('2026-06-01T00:00:00Z'))).toBe('proven')
    expect(certificate(host(), new Date('2026-12-20T00:00:00Z'))).toBe('soon')
    expect(certificate(host(), new Date('2027-01-02T00:00:00Z'))).toBe('expired')
    expect(certificate(host({ verified_by: 'none' }), new Date('2026-06-01T00:00:00Z'))).toBe('unproven')
    expect(certificate(host({ certificate: null }), new Date())).toBe('none')
  })
})
