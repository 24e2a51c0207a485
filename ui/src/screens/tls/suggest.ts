// Which domains could be enforced without anything changing for their mail.

import type { TlsDomain } from '../../api/types'

/**
 * Domains whose mail is not enforced, and was delivered under verified TLS whenever it was in the last 30 days: every
 * delivery was verified, nothing was given up, nothing waits.
 */
export function couldBeEnforced(domains: readonly TlsDomain[]): string[] {
  return domains
    .filter(({ domain, level, deliveries, waiting }) => {
      const { delivered, verified, bounced } = deliveries
      return (level === 'plain' || level === 'try') && !domain.startsWith('.') && delivered > 0 && verified === delivered && bounced === 0 && waiting === 0
    })
    .map(({ domain }) => domain)
}
