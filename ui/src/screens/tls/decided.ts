// Who decided the level of a domain, in words.

import { t } from '../../lib/i18n'
import type { TlsDomain } from '../../api/types'

export function decidedBy(by: TlsDomain['decided_by']): string {
  if (by.exception !== null) return t('tls.byException', { name: by.exception })
  if (by.tls_policy !== null) return t('tls.byPolicy', { domain: by.tls_policy })
  if (by.published !== null) return t('tls.byPublished', { how: by.published })
  if (by.rule !== null && by.rule_data !== null) return t('tls.byRuleData', { rule: by.rule, list: by.rule_data })
  if (by.rule !== null) return t('tls.byRule', { rule: by.rule })
  return t('tls.byDefault')
}
