// A text box of lines with their numbers, and the problems of single lines beside it. It holds lists of many
// thousand lines: the numbers are one text, and only lines with a problem have an element of their own.

import { useMemo, useRef, useState } from 'react'
import { t } from '../lib/i18n'
import { Field, type FieldProps } from './Field'
import { Icon } from './Icon'

/** A line with a problem. */
export interface LineProblem {
  /** Counted from 1. */
  line: number
  text: string
  /** A warning does not hinder saving. */
  warning?: boolean
}

const lineRem = 1.5
const shown = 200

export function LinesField({
  value,
  onValue,
  problems = [],
  rows = 14,
  readOnly,
  placeholder,
  ...field
}: FieldProps & { value: string; onValue: (value: string) => void; problems?: readonly LineProblem[]; rows?: number; readOnly?: boolean; placeholder?: string }) {
  const area = useRef<HTMLTextAreaElement>(null)
  const [top, setTop] = useState(0)
  const count = useMemo(() => value.split('\n').length, [value])
  const numbers = useMemo(() => Array.from({ length: count }, (_, i) => i + 1).join('\n'), [count])
  const errors = problems.filter((p) => p.warning !== true)

  const goTo = (line: number) => {
    const box = area.current
    if (box === null) return
    const lines = value.split('\n')
    const start = lines.slice(0, line - 1).reduce((sum, text) => sum + text.length + 1, 0)
    box.focus()
    box.setSelectionRange(start, start + (lines[line - 1] ?? '').length)
    const height = Number.parseFloat(getComputedStyle(box).lineHeight)
    box.scrollTop = Math.max(0, (line - 3) * height)
  }

  return (
    <div className="stack stack-sm">
      <Field {...field} error={field.error ?? (errors.length > 0 ? t('common.linesWithErrors', { n: errors.length }) : null)}>
        {(control) => (
          <div className="lines" data-invalid={control['aria-invalid']}>
            <div className="lines-gutter" aria-hidden="true">
              <div style={{ transform: `translateY(${-top}px)`, position: 'relative' }}>
                {problems.slice(0, shown).map((p, i) => (
                  <span key={i} className={`lines-mark ${p.warning === true ? 'lines-mark-warn' : ''}`} style={{ insetBlockStart: `${(p.line - 1) * lineRem}rem` }} />
                ))}
                <pre style={{ position: 'relative' }}>{numbers}</pre>
              </div>
            </div>
            <textarea
              ref={area}
              id={control.id}
              aria-describedby={control['aria-describedby']}
              aria-invalid={control['aria-invalid']}
              rows={rows}
              value={value}
              readOnly={readOnly}
              placeholder={placeholder}
              spellCheck={false}
              autoCapitalize="none"
              autoComplete="off"
              wrap="off"
              onChange={(e) => onValue(e.target.value)}
              onScroll={(e) => setTop(e.currentTarget.scrollTop)}
            />
          </div>
        )}
      </Field>
      {problems.length > 0 && (
        <ul className="line-problems">
          {problems.slice(0, shown).map((p, i) => (
            <li key={i} className={p.warning === true ? undefined : 'field-error'}>
              <Icon name={p.warning === true ? 'warning' : 'error'} />{' '}
              <span>
                <button type="button" onClick={() => goTo(p.line)}>
                  {t('common.line', { n: p.line })}
                </button>
                : {p.text}
              </span>
            </li>
          ))}
          {problems.length > shown && <li className="muted">{t('common.shownOf', { shown, total: problems.length })}</li>}
        </ul>
      )}
    </div>
  )
}
