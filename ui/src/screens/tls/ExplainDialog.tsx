// Why a domain gets its level: the rules walked over a message that might go there today.

import { useEffect, useState } from 'react'
import { Button, ButtonLink, Dialog, ErrorBanner, Skeleton } from '../../design'
import { api } from '../../lib/api'
import { t } from '../../lib/i18n'
import { useQuery } from '../../lib/query'
import { Inert } from '../mail/Inert'
import type { TlsDomain, Trace, TraceWish, WirePolicy } from '../../api/types'
import { spelled } from '../mail/unseen'
import { TraceView } from '../simulator/TraceView'

/** The sender and recipient of the message that is imagined. */
function imagined(row: TlsDomain, own: string | undefined): { from: string; to: string } {
  return { from: `postmaster@${own ?? 'localhost.localdomain'}`, to: `postmaster@${row.domain}` }
}

export function ExplainDialog({ row, onClose }: { row: TlsDomain | null; onClose: () => void }) {
  const policy = useQuery<WirePolicy>(row === null ? null : '/policy')
  const [trace, setTrace] = useState<Trace | null>(null)
  const [error, setError] = useState<unknown>(null)
  const own = policy.data?.domain?.[0]?.name
  const known = policy.data !== undefined || policy.error !== null
  useEffect(() => {
    setTrace(null)
    setError(null)
    if (row === null || !known) return undefined
    const stop = new AbortController()
    const { from, to } = imagined(row, own)
    api.post<Trace>('/trace', { from, to: [to] } satisfies TraceWish, { signal: stop.signal }).then(setTrace, (problem: unknown) => {
      if (!stop.signal.aborted) setError(problem)
    })
    return () => stop.abort()
  }, [row, own, known])
  if (row === null) return <Dialog open={false} title="" onClose={onClose}>{null}</Dialog>
  const { from, to } = imagined(row, own)
  return (
    <Dialog
      open
      wide
      title={t('tls.explainTitle', { domain: spelled(row.domain) })}
      onClose={onClose}
      foot={
        <>
          <ButtonLink to={`/simulator?from=${encodeURIComponent(from)}&to=${encodeURIComponent(to)}`} icon="simulator">
            {t('tls.explainSimulator')}
          </ButtonLink>
          <Button onClick={onClose}>{t('common.close')}</Button>
        </>
      }
    >
      <p className="muted">
        <Inert text={t('tls.explainFrom', { sender: from, recipient: to })} />
      </p>
      <ErrorBanner error={error} />
      {trace === null && error === null ? <Skeleton lines={5} /> : trace !== null && <TraceView trace={trace} />}
    </Dialog>
  )
}
