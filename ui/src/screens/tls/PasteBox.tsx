// The box that a list is pasted into, with what the gateway makes of it: how many entries, which lines read otherwise
// than they were typed, which are doubled and which cannot be used.

import { useEffect, useState } from 'react'
import type { ListPreview, ListText } from '../../api/types'
import { LinesField, type LineProblem } from '../../design'
import { api } from '../../lib/api'
import { t } from '../../lib/i18n'
import { Inert } from '../mail/Inert'
import { entriesOf, NO_PREVIEW, renamed, type ListEntry } from './paste'

/** So many lines that read otherwise are named. */
const some = 5

export interface Pasted {
  text: string
  setText: (text: string) => void
  preview: ListPreview
  entries: ListEntry[]
}

/** A text and what the gateway says about it, asked when the hand has rested. */
export function usePaste(initial = ''): Pasted {
  const [text, setText] = useState(initial)
  const [seen, setSeen] = useState<{ text: string; preview: ListPreview }>({ text: '', preview: NO_PREVIEW })
  useEffect(() => {
    if (text.trim() === '') {
      setSeen({ text, preview: NO_PREVIEW })
      return undefined
    }
    const stop = new AbortController()
    const timer = setTimeout(() => {
      api.post<ListPreview>('/rule-data/preview', { kind: 'domains', text } satisfies ListText, { signal: stop.signal }).then(
        (preview) => setSeen({ text, preview }),
        // Without the preview the entries are read here; the gateway judges them again when they are published.
        () => undefined,
      )
    }, 200)
    return () => {
      clearTimeout(timer)
      stop.abort()
    }
  }, [text])
  const preview = seen.text === text ? seen.preview : NO_PREVIEW
  return { text, setText, preview, entries: entriesOf(text, preview) }
}

export function PasteBox({ pasted, label, rows = 10 }: { pasted: Pasted; label: string; rows?: number }) {
  const { text, setText, preview, entries } = pasted
  const problems: LineProblem[] = [
    ...preview.errors.map((error) => ({ line: error.line, text: [error.problem, error.remedy].filter(Boolean).join(' ') })),
    ...preview.warnings.map((warning) => ({ ...warning, warning: true })),
  ]
  const other = renamed(entries)
  const duplicates = preview.duplicates.length + preview.more.duplicates
  const errors = preview.errors.length + preview.more.errors
  return (
    <div className="stack stack-sm">
      <LinesField label={label} hint={t('tls.pasteHint')} value={text} onValue={setText} problems={problems} rows={rows} placeholder={'partner.example\n.hospital.example'} />
      {text.trim() !== '' && (
        <div role="status" className="small stack stack-sm">
          <span>
            <span className="strong">{t('tls.entries', { n: entries.length })}</span>
            {duplicates > 0 && <> · {t('tls.duplicates', { n: duplicates })}</>}
            {errors > 0 && <> · {t('tls.badLines', { n: errors })}</>}
          </span>
          {other.slice(0, some).map((entry) => (
            <span key={entry.line} className="muted">
              <Inert text={t('tls.readAs', { line: entry.line, text: entry.text, value: entry.value })} />
            </span>
          ))}
          {other.length > some && <span className="muted">{t('tls.linesMore', { n: other.length - some })}</span>}
        </div>
      )}
    </div>
  )
}
