// Mail of the last day, hour by hour.

import { useMemo } from 'react'
import type { Hour } from '../../api/types'
import { EmptyState } from '../../design'
import { Chart, type Line } from '../../lib/Chart'
import { t } from '../../lib/i18n'

export function Traffic({ hours }: { hours: Hour[] }) {
  const at = useMemo(() => hours.map((hour) => hour.at), [hours])
  const lines = useMemo<Line[]>(
    () => [
      { key: 'received', label: t('overview.lineReceived'), colour: '--info', values: hours.map((hour) => hour.received) },
      { key: 'delivered', label: t('overview.lineDelivered'), colour: '--ok', dash: [8, 4], values: hours.map((hour) => hour.delivered) },
      { key: 'deferred', label: t('overview.lineDeferred'), colour: '--warn', dash: [4, 4], values: hours.map((hour) => hour.deferred) },
      { key: 'bounced', label: t('overview.lineBounced'), colour: '--bad', dash: [2, 3], values: hours.map((hour) => hour.bounced) },
    ],
    [hours],
  )
  if (hours.every((hour) => hour.received + hour.delivered + hour.deferred + hour.bounced === 0)) {
    return <EmptyState icon="mail" title={t('overview.noTraffic')} />
  }
  return <Chart label={t('overview.trafficLabel')} at={at} lines={lines} />
}
