// What is to be said of a certificate in a few words: good, not verified, expired, ending soon.

import { Chip, type ChipTone } from '../../design'
import { day } from '../../lib/format'
import { t } from '../../lib/i18n'
import type { ProbeHost } from '../../api/types'
import { certificate } from './readiness'

const tones: Record<ReturnType<typeof certificate>, ChipTone> = { none: 'quiet', proven: 'ok', unproven: 'warn', expired: 'bad', soon: 'warn' }

export function CertificateWord({ host }: { host: ProbeHost }) {
  const how = certificate(host, new Date())
  const end = host.certificate?.not_after
  const until = end == null ? '–' : day(end)
  return (
    <span>
      <Chip tone={tones[how]}>{how === 'none' ? t('tls.cert_none') : t(`tls.cert_${how}`, { until })}</Chip>
    </span>
  )
}
