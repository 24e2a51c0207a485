// What a screen shows when it has nothing to show yet, nothing at all, or a problem. Tones carry an icon and a
// word, never a colour alone.

import { useEffect, useState, type ReactNode } from 'react'
import { ProblemError } from '../lib/api'
import { t } from '../lib/i18n'
import { Button } from './Button'
import { Icon, type IconName } from './Icon'

export type Tone = 'info' | 'ok' | 'warn' | 'bad'

const toneIcon: Record<Tone, IconName> = { info: 'info', ok: 'ok', warn: 'warning', bad: 'error' }
const toneWord = { info: 'common.info', ok: 'common.ok', warn: 'common.warning', bad: 'common.error' } as const

export function Banner({ tone = 'info', title, children, actions, live = false }: { tone?: Tone; title?: ReactNode; children?: ReactNode; actions?: ReactNode; live?: boolean }) {
  return (
    <div className={`banner banner-${tone}`} role={live ? (tone === 'bad' ? 'alert' : 'status') : undefined}>
      <Icon name={toneIcon[tone]} />
      <div className="banner-body">
        <span className="hidden-text">{t(toneWord[tone])}: </span>
        {title !== undefined && <p className="strong">{title}</p>}
        {children}
        {actions !== undefined && <div className="banner-actions">{actions}</div>}
      </div>
    </div>
  )
}

/** A problem in one sentence. */
export function problemText(error: unknown): string {
  if (error instanceof ProblemError) return error.status === 0 && error.type === '/problems/unreachable' ? t('common.unreachable') : error.message
  return error instanceof Error ? error.message : String(error)
}

/** A failed write: what the gateway said, and each field's problem. Draws nothing without an error. */
export function ErrorBanner({ error, title, actions }: { error: unknown; title?: string; actions?: ReactNode }) {
  if (error === null || error === undefined) return null
  const fields = error instanceof ProblemError ? error.errors : []
  return (
    <Banner tone="bad" live title={title ?? t('common.errorTitle')} actions={actions}>
      <p>{problemText(error)}</p>
      {fields.length > 0 && (
        <ul>
          {fields.map((field, i) => (
            <li key={i}>
              {field.detail} {field.remedy}
            </li>
          ))}
        </ul>
      )}
    </Banner>
  )
}

/** A failed read, with a way to try again. */
export function ErrorState({ error, retry }: { error: unknown; retry?: () => void }) {
  return <ErrorBanner error={error} title={t('common.errorLoad')} actions={retry && <Button small icon="refresh" onClick={retry}>{t('common.retry')}</Button>} />
}

export function EmptyState({ icon = 'info', title, children, actions }: { icon?: IconName; title: string; children?: ReactNode; actions?: ReactNode }) {
  return (
    <div className="empty">
      <Icon name={icon} />
      <p className="strong">{title}</p>
      {children !== undefined && <p>{children}</p>}
      {actions !== undefined && <div className="row">{actions}</div>}
    </div>
  )
}

/** Bars where text will be. It appears only if the answer takes a while, so that a fast one does not flicker. */
export function Skeleton({ lines = 5 }: { lines?: number }) {
  const [late, setLate] = useState(false)
  useEffect(() => {
    const timer = setTimeout(() => setLate(true), 150)
    return () => clearTimeout(timer)
  }, [])
  return (
    <div role="status" aria-busy="true">
      <span className="hidden-text">{t('common.loading')}</span>
      {late && (
        <div className="skeleton" aria-hidden="true">
          {Array.from({ length: lines }, (_, i) => (
            <span key={i} />
          ))}
        </div>
      )}
    </div>
  )
}

/** Loading, error or the thing itself. An old answer stays on screen under a newer error. */
export function Loaded<T>({ query, children, lines }: { query: { data: T | undefined; error: ProblemError | null; loading: boolean; reload: () => void }; children: (data: T) => ReactNode; lines?: number }) {
  return (
    <>
      {query.error !== null && <ErrorState error={query.error} retry={query.reload} />}
      {query.data !== undefined ? children(query.data) : query.loading && <Skeleton lines={lines} />}
    </>
  )
}

export type ChipTone = 'quiet' | 'ok' | 'warn' | 'bad' | 'info' | 'accent'

export function Chip({ tone = 'quiet', icon, children, title }: { tone?: ChipTone; icon?: IconName; children: ReactNode; title?: string }) {
  return (
    <span className={`chip chip-${tone}`} title={title}>
      {icon !== undefined && <Icon name={icon} />}
      {children}
    </span>
  )
}
