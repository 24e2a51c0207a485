// What becomes of the domains that would wait: left out, or enforced all the same; said plainly, with its consequence.

import { Banner, Button } from '../../design'
import { useQuery } from '../../lib/query'
import { t } from '../../lib/i18n'
import type { Level, System } from '../../api/types'
import { entryStanding, included, type Row } from './readiness'

interface Props {
  rows: readonly Row[]
  level: Level
  said: ReadonlyMap<string, boolean>
  setSaid: (said: ReadonlyMap<string, boolean>) => void
}

export function Choices({ rows, level, said, setSaid }: Props) {
  const system = useQuery<System>('/system')
  const span = spanOf(system.data?.settings)
  const failing = rows.filter((row) => row.state === 'done' && ['fails', 'clear'].includes(entryStanding(row.probes, level)))
  const left = rows.filter((row) => !included(row, level, said))
  const anyway = failing.filter((row) => included(row, level, said))
  return (
    <>
      {left.length > 0 && <Banner tone="warn">{t('tls.leftOut', { n: left.length })}</Banner>}
      {anyway.length > 0 && <Banner tone="warn">{span === null ? t('tls.anywayPlain', { n: anyway.length }) : t('tls.anyway', { n: anyway.length, span })}</Banner>}
      {failing.length > 0 && (
        <div className="row">
          {left.length > 0 && <Button onClick={() => setSaid(new Map(rows.map((row) => [row.domain, true])))}>{t('tls.allIn')}</Button>}
          {anyway.length > 0 && <Button onClick={() => setSaid(new Map(failing.map((row) => [row.domain, false])))}>{t('tls.failingOut')}</Button>}
        </div>
      )}
    </>
  )
}

/** How long mail waits for TLS before it is given up, where the gateway says so. */
function spanOf(settings: Record<string, unknown> | undefined): string | null {
  const found = Object.entries(settings ?? {}).find(([name]) => name.replace(/^delivery\./, '') === 'enforced_expire')?.[1]
  return typeof found === 'string' ? found : null
}
