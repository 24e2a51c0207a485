// Short words about what was just done, in a live region. They never carry anything that is not also on a screen.

import { useEffect, useSyncExternalStore } from 'react'
import { t } from '../lib/i18n'
import { Button } from './Button'
import { Icon } from './Icon'

interface Entry {
  id: number
  text: string
  tone: 'ok' | 'bad' | 'info'
}

let entries: readonly Entry[] = []
let last = 0
const listeners = new Set<() => void>()

function put(next: readonly Entry[]): void {
  entries = next
  listeners.forEach((listener) => listener())
}

/** Says something for eight seconds; a problem stays until it is dismissed. */
export function toast(text: string, tone: Entry['tone'] = 'ok'): void {
  last += 1
  put([...entries.slice(-3), { id: last, text, tone }])
}

const dismiss = (id: number) => put(entries.filter((entry) => entry.id !== id))

export function Toasts() {
  const shown = useSyncExternalStore(
    (listener) => {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    () => entries,
  )
  return (
    <section className="toasts" aria-label={t('common.notifications')}>
      <div role="status" aria-live="polite" className="stack stack-sm">
        {shown.map((entry) => (
          <Shown key={entry.id} entry={entry} />
        ))}
      </div>
    </section>
  )
}

function Shown({ entry }: { entry: Entry }) {
  useEffect(() => {
    if (entry.tone === 'bad') return undefined
    const timer = setTimeout(() => dismiss(entry.id), 8000)
    return () => clearTimeout(timer)
  }, [entry])
  return (
    <div className={`toast toast-${entry.tone}`}>
      <Icon name={entry.tone === 'ok' ? 'ok' : entry.tone === 'bad' ? 'error' : 'info'} />
      <p>{entry.text}</p>
      <Button kind="quiet" small icon="close" label={t('common.dismiss')} onClick={() => dismiss(entry.id)} />
    </div>
  )
}
