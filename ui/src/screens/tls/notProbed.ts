// Why an entry was not probed, in words.

import type { Probe } from '../../api/types'
import { t } from '../../lib/i18n'

/** The reason of a record with `not_probed`; `seen`: how many domains were probed in its stead. */
export function notProbed(probe: Probe, seen: number): string {
  if (probe.not_probed === 'time') return t('tls.notProbed_time')
  if (probe.not_probed === 'no_domain') return t('tls.notProbed_no_domain')
  return seen === 0 ? t('tls.notProbed_subdomains') : t('tls.notProbed_some', { n: seen })
}
