// What the first run writes into the policy: domains of ours with where their mail goes, and who may send out.
// What the policy has besides stays as it is.

import type { WirePolicy } from '../../api/types'

export interface Answers {
  /** One domain a line. */
  domains: string
  /** `mail.acme.example`, `10.0.0.5:2525`, `[2001:db8::5]:25`; empty: by MX. */
  nextHop: string
  /** One network a line. */
  networks: string
}

/** The lines that say something: without blanks and comments. */
export const entries = (text: string): string[] =>
  text
    .split('\n')
    .map((line) => line.replace(/#.*/, '').trim())
    .filter((line) => line !== '')

/** A host and a port, 25 where none is named. An IPv6 address may stand in brackets. */
export function hostAndPort(text: string): { host: string; port: number } {
  const bracketed = /^\[([^\]]+)\](?::(\d+))?$/.exec(text)
  if (bracketed !== null) return { host: bracketed[1] ?? '', port: Number(bracketed[2] ?? 25) }
  const plain = /^([^:]+):(\d+)$/.exec(text)
  return plain === null ? { host: text, port: 25 } : { host: plain[1] ?? '', port: Number(plain[2]) }
}

/** The policy with the answers in it. A domain that is there already keeps its other routes. */
export function withAnswers(policy: WirePolicy, answers: Answers): WirePolicy {
  const domain = [...(policy.domain ?? [])]
  const hop = answers.nextHop.trim() === '' ? null : hostAndPort(answers.nextHop.trim())
  for (const name of entries(answers.domains)) {
    const at = domain.findIndex((known) => known.name.toLowerCase() === name.toLowerCase())
    const known = domain[at]
    const routes = known?.routes ?? []
    const there = hop === null || routes.some((route) => route.host === hop.host && (route.port ?? 25) === hop.port)
    const next = { ...(known ?? { name }), routes: there ? routes : [...routes, hop] }
    if (known === undefined) domain.push(next)
    else domain[at] = next
  }
  const source = [...(policy.outbound_source ?? [])]
  for (const network of entries(answers.networks)) {
    if (!source.some((known) => known.network === network)) source.push({ network })
  }
  return { ...policy, domain, outbound_source: source }
}
