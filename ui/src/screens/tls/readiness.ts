// What a probe means for a person who is about to enforce TLS.

import type { Level, Probe, ProbeHost, Verdict } from '../../api/types'

/** How a domain stands towards a level. `clear`: mail would go, but in clear text. */
export type Standing = 'passes' | 'clear' | 'fails' | 'unknown'

/** A row of the readiness table: one entry of the list. `.hospital.example` may be several domains, or none that is known. */
export type Row =
  | { state: 'waiting'; domain: string }
  | { state: 'probing'; domain: string }
  | { state: 'failed'; domain: string; problem: string }
  | { state: 'done'; domain: string; probes: Probe[] }

/** How a domain stands towards a level. */
export function standing(probe: Probe, level: Level): Standing {
  const verdict = probe.verdicts[level]
  if (verdict === undefined) {
    const passes = probe.levels[level]
    return passes === undefined ? 'unknown' : passes ? 'passes' : 'fails'
  }
  if (!verdict.passes) return 'fails'
  return verdict.clear_because === null ? 'passes' : 'clear'
}

const WORST: Standing[] = ['fails', 'unknown', 'clear', 'passes']

/** What was looked at, without the records of what was not. */
export const looked = (probes: readonly Probe[]): Probe[] => probes.filter((probe) => probe.not_probed === undefined)

/** What was not looked at, each with its reason. */
export const left = (probes: readonly Probe[]): Probe[] => probes.filter((probe) => probe.not_probed !== undefined)

/** How an entry stands: as the worst of its domains. Of an entry without any domain, or with one left out for want of time, nothing is known for certain. */
export function entryStanding(probes: Probe[], level: Level): Standing {
  const all = probes.filter((probe) => probe.not_probed === undefined || probe.not_probed === 'time').map((probe) => standing(probe, level))
  return WORST.find((how) => all.includes(how)) ?? 'unknown'
}

/** The verdict at a level, or what is known where there is no host at all. */
export function because(probe: Probe, level: Level): Pick<Verdict, 'why' | 'text' | 'host'> {
  const verdict = probe.verdicts[level]
  if (verdict !== undefined) return verdict
  return { why: probe.why, text: probe.detail ?? '', host: null }
}

/** How many of the rows pass or fail, how many could not be judged, how many are still to come. */
export function tally(rows: Row[], level: Level): { passes: number; fails: number; unknown: number; pending: number } {
  const sums = { passes: 0, fails: 0, unknown: 0, pending: 0 }
  for (const row of rows) {
    if (row.state === 'done') {
      const how = entryStanding(row.probes, level)
      sums[how === 'clear' ? 'fails' : how] += 1
    } else if (row.state === 'failed') sums.unknown += 1
    else sums.pending += 1
  }
  return sums
}

/**
 * Whether an entry is enforced: as the person said, else as the check found. What would wait is left out until the
 * person decides; what could not be judged stays in, because nothing speaks against it.
 */
export function included(row: Row, level: Level, said: ReadonlyMap<string, boolean>): boolean {
  const wish = said.get(row.domain)
  if (wish !== undefined) return wish
  if (row.state !== 'done') return true
  const how = entryStanding(row.probes, level)
  return how === 'passes' || how === 'unknown'
}

/** STARTTLS over all hosts that answered. */
export function starttls(hosts: ProbeHost[]): 'all' | 'some' | 'none' | 'silent' {
  const answered = hosts.filter((host) => host.starttls !== null || host.implicit_tls)
  if (answered.length === 0) return 'silent'
  const offering = answered.filter((host) => host.starttls === true || host.implicit_tls).length
  return offering === answered.length ? 'all' : offering > 0 ? 'some' : 'none'
}

/** Every TLS version that was had, oldest first. */
export function versions(hosts: ProbeHost[]): string[] {
  return [...new Set(hosts.flatMap((host) => (host.version === null ? [] : [host.version])))].sort()
}

/** What is to be said of the certificate of a host. */
export function certificate(host: ProbeHost, now: Date): 'none' | 'proven' | 'expired' | 'soon' | 'unproven' {
  if (host.certificate === null) return 'none'
  const end = host.certificate.not_after === null ? null : Date.parse(host.certificate.not_after)
  if (end !== null && end < now.getTime()) return 'expired'
  if (end !== null && end - now.getTime() < SOON) return 'soon'
  return host.verified_by === 'none' ? 'unproven' : 'proven'
}

/** A certificate that ends sooner than this is pointed out, as on the command line. */
const SOON = 21 * 86_400_000

/** The names of the hosts, each once, in the order in which they are tried. */
export function hostNames(hosts: ProbeHost[]): string[] {
  return [...new Set(hosts.map((host) => host.host))]
}
