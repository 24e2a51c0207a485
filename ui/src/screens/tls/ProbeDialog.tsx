// A probe of one domain, now; until it returns, what an earlier one showed.

import { useEffect, useState } from 'react'
import { Button, Dialog, ErrorBanner, Skeleton } from '../../design'
import { t } from '../../lib/i18n'
import { invalidate } from '../../lib/query'
import type { Probe, TlsDomain } from '../../api/types'
import { spelled } from '../mail/unseen'
import { notProbed } from './notProbed'
import { ProbeDetails } from './ProbeDetails'
import { left, looked } from './readiness'
import { probe } from './useProbes'

export function ProbeDialog({ row, onClose }: { row: TlsDomain | null; onClose: () => void }) {
  const [found, setFound] = useState<Probe[] | null>(null)
  const [error, setError] = useState<unknown>(null)
  const [round, setRound] = useState(0)
  const domain = row?.domain ?? null
  const level = row?.level ?? 'require'
  useEffect(() => {
    setFound(null)
    setError(null)
    if (domain === null) return undefined
    const stop = new AbortController()
    probe(domain, level === 'plain' || level === 'try' ? 'require' : level, stop.signal).then(
      (answer) => {
        setFound(answer)
        invalidate('/tls/domains')
      },
      (problem: unknown) => {
        if (!stop.signal.aborted) setError(problem)
      },
    )
    return () => stop.abort()
  }, [domain, level, round])
  const busy = found === null && error === null
  return (
    <Dialog
      open={row !== null}
      wide
      title={row === null ? '' : t('tls.probeTitle', { domain: spelled(row.domain) })}
      onClose={onClose}
      foot={
        <>
          <Button icon="refresh" busy={busy} onClick={() => setRound(round + 1)}>
            {t('tls.probeNow')}
          </Button>
          <Button onClick={onClose}>{t('common.close')}</Button>
        </>
      }
    >
      {row !== null && (
        <>
          <ErrorBanner error={error} />
          {busy && <p role="status">{t('tls.probing', { domain: spelled(row.domain) })}</p>}
          {found !== null && looked(found).map((one) => <ProbeDetails key={one.domain} probe={one} />)}
          {found !== null && left(found).map((one) => <p key={one.domain}>{notProbed(one, looked(found).length)}</p>)}
          {busy && (row.last_probe === null ? <Skeleton lines={4} /> : <Earlier probe={row.last_probe} />)}
        </>
      )}
    </Dialog>
  )
}

function Earlier({ probe: earlier }: { probe: Probe }) {
  return (
    <section className="stack stack-sm" aria-label={t('tls.probeOld')}>
      <p className="muted">{t('tls.probeOld')}</p>
      <ProbeDetails probe={earlier} />
    </section>
  )
}
