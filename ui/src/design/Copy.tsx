// Copying to the clipboard, with a word that it was done.

import { useEffect, useState } from 'react'
import { t } from '../lib/i18n'
import { Button } from './Button'

export function CopyButton({ text, what, small = true }: { text: string; what: string; small?: boolean }) {
  const [done, setDone] = useState(false)
  useEffect(() => {
    if (!done) return undefined
    const timer = setTimeout(() => setDone(false), 2500)
    return () => clearTimeout(timer)
  }, [done])
  return (
    <>
      <Button small={small} kind="quiet" icon={done ? 'check' : 'copy'} label={t('common.copyOf', { what })} onClick={() => void copy(text).then(setDone)} />
      <span role="status" className="hidden-text">
        {done ? t('common.copied') : ''}
      </span>
    </>
  )
}

async function copy(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text)
    return true
  } catch {
    // Without TLS and off loopback browsers keep the clipboard to themselves; the older way still works.
    const area = document.createElement('textarea')
    area.value = text
    area.className = 'hidden-text'
    const host = document.querySelector('dialog[open]') ?? document.body
    host.append(area)
    area.select()
    const done = document.execCommand('copy')
    area.remove()
    return done
  }
}

/** A line to copy, under its name. */
export function CopyBox({ label, text }: { label: string; text: string }) {
  return (
    <div className="stack stack-sm">
      <h3>{label}</h3>
      <div className="copybox">
        <pre>{text}</pre>
        <CopyButton text={text} what={label} />
      </div>
    </div>
  )
}
