// What the gateway reads in a list while it is being written: asked a moment after the last key, and shown beside
// the text, with problems at their lines.

import { useEffect, useMemo, useState } from 'react'
import type { ListPreview, ListText } from '../../api/types'
import { Banner, Icon, problemText, type LineProblem } from '../../design'
import type { DataKind } from '../../draft/types'
import { api } from '../../lib/api'
import { t } from '../../lib/i18n'
import './data.css'

export interface PreviewState {
  preview: ListPreview | null
  /** Problems, duplicates and warnings, by line. */
  problems: LineProblem[]
  busy: boolean
  error: unknown
}

const ASK_AFTER = 300

export function usePreview(kind: DataKind, text: string): PreviewState {
  const [state, setState] = useState<{ preview: ListPreview | null; of: string; error: unknown }>({ preview: null, of: '', error: null })
  const asked = `${kind}\n${text}`
  useEffect(() => {
    const abort = new AbortController()
    const timer = setTimeout(() => {
      api.post<ListPreview>('/rule-data/preview', { kind, text } satisfies ListText, { signal: abort.signal }).then(
        (preview) => setState({ preview, of: `${kind}\n${text}`, error: null }),
        (error: unknown) => {
          if (!abort.signal.aborted) setState({ preview: null, of: `${kind}\n${text}`, error })
        },
      )
    }, ASK_AFTER)
    return () => {
      clearTimeout(timer)
      abort.abort()
    }
  }, [kind, text])
  const problems = useMemo(() => lineProblems(state.preview), [state.preview])
  return { preview: state.preview, problems, busy: state.of !== asked, error: state.error }
}

function lineProblems(preview: ListPreview | null): LineProblem[] {
  if (preview === null) return []
  const errors = preview.errors.map((error) => ({ line: error.line, text: [error.problem, error.remedy].filter(Boolean).join(' ') }))
  const duplicates = preview.duplicates.map((double) => ({ line: double.line, text: t('data.duplicate', { value: double.value, first: double.first_line }), warning: true }))
  const warnings = preview.warnings.map((warning) => ({ line: warning.line, text: warning.text, warning: true }))
  return [...errors, ...[...warnings, ...duplicates].sort((a, b) => a.line - b.line)]
}

const SHOWN = 100

/** How many there are, named or not. */
function total(preview: ListPreview, what: 'duplicates' | 'errors' | 'warnings'): number {
  return preview[what].length + (preview.more[what])
}

/** How many values count, and which are read differently than they are written. */
export function PreviewSummary({ preview: state, empty }: { preview: PreviewState; empty: boolean }) {
  const { preview, busy, error } = state
  if (error !== null) return <Banner tone="bad">{t('data.previewFailed', { why: problemText(error) })}</Banner>
  if (preview === null) return <p className="muted small">{t('data.previewWaiting')}</p>
  const other = preview.entries.filter((entry) => entry.normalized !== entry.text.trim())
  const others = other.length + (preview.more.entries)
  return (
    <div className="stack stack-sm" aria-busy={busy}>
      <p role="status" className="row">
        <span className="strong nums">{t('data.previewCount', { n: preview.count })}</span>
        {total(preview, 'errors') > 0 && <Count bad text={t('data.errors', { n: total(preview, 'errors') })} />}
        {total(preview, 'duplicates') > 0 && <Count text={t('data.duplicates', { n: total(preview, 'duplicates') })} />}
        {total(preview, 'warnings') > 0 && <Count text={t('data.warnings', { n: total(preview, 'warnings') })} />}
      </p>
      {empty && <p className="muted small">{t('data.previewEmpty')}</p>}
      {other.length > 0 && (
        <details>
          <summary>{t('data.normalized', { n: others })}</summary>
          <ul className="plain small preview-list">
            {other.slice(0, SHOWN).map((entry) => (
              <li key={entry.line} className="break">
                <span className="muted nums">{t('common.line', { n: entry.line })}: </span>
                {t('data.readAs', { text: entry.text, normalized: entry.normalized })}
              </li>
            ))}
            {others > SHOWN && <li className="muted">{t('data.andMore', { n: others - SHOWN })}</li>}
          </ul>
        </details>
      )}
    </div>
  )
}

function Count({ text, bad = false }: { text: string; bad?: boolean }) {
  return (
    <span className={`row small ${bad ? 'count-bad' : 'count-warn'}`}>
      <Icon name={bad ? 'error' : 'warning'} />
      {text}
    </span>
  )
}
