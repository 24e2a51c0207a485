// Dialogs: the browser's own modal element, so that focus, Escape and the backdrop are its work. A dialog with
// `onSubmit` is a form: Enter sends it.

import { useEffect, useId, useRef, useState, type FormEvent, type ReactNode } from 'react'
import type { ProblemError } from '../lib/api'
import { t } from '../lib/i18n'
import { Button, type ButtonKind } from './Button'
import { TextField } from './Field'
import { ErrorBanner } from './State'

export interface DialogProps {
  open: boolean
  title: string
  onClose: () => void
  children: ReactNode
  /** Buttons at its foot; left out, there is a Close button. */
  foot?: ReactNode
  wide?: boolean
  onSubmit?: () => void
  /** A dialog that Escape and a cross do not close. */
  fixed?: boolean
}

export function Dialog({ open, title, onClose, children, foot, wide, onSubmit, fixed = false }: DialogProps) {
  const element = useRef<HTMLDialogElement>(null)
  const id = useId()
  useEffect(() => {
    const dialog = element.current
    if (dialog === null) return
    if (open && !dialog.open) dialog.showModal()
    if (!open && dialog.open) dialog.close()
  }, [open])
  const submit = (event: FormEvent) => {
    event.preventDefault()
    event.stopPropagation()
    onSubmit?.()
  }
  const inside = (
    <>
      <div className="dialog-body">{children}</div>
      <div className="dialog-foot">{foot ?? <Button onClick={onClose}>{t('common.close')}</Button>}</div>
    </>
  )
  return (
    <dialog
      ref={element}
      className={`dialog ${wide === true ? 'dialog-wide' : ''}`}
      aria-labelledby={id}
      onCancel={(event) => {
        if (event.target !== element.current) return
        event.preventDefault()
        if (!fixed) onClose()
      }}
      onClose={(event) => {
        // A browser may close a dialog by itself after a second Escape.
        if (event.target === element.current && open) {
          if (fixed) element.current.showModal()
          else onClose()
        }
      }}
    >
      {open && (
        <>
          <div className="dialog-head">
            <h2 id={id}>{title}</h2>
            {!fixed && <Button kind="quiet" small icon="close" label={t('common.close')} onClick={onClose} />}
          </div>
          {onSubmit === undefined ? (
            <div className="dialog-form">{inside}</div>
          ) : (
            <form className="dialog-form" onSubmit={submit} noValidate>
              {inside}
            </form>
          )}
        </>
      )}
    </dialog>
  )
}

export interface ConfirmProps {
  open: boolean
  title: string
  children?: ReactNode
  confirm: string
  kind?: ButtonKind
  /** Whether the reason may be left empty. */
  reasonOptional?: boolean
  onClose: () => void
  /** Does it with the reason given; when it throws, the dialog stays and shows the problem. */
  onConfirm: (reason: string) => Promise<unknown>
}

/** Asks before something that cannot be taken back, and for the reason that the audit log keeps. */
export function ConfirmWithReason({ open, title, children, confirm, kind = 'danger-solid', reasonOptional = false, onClose, onConfirm }: ConfirmProps) {
  const [reason, setReason] = useState('')
  const [missing, setMissing] = useState(false)
  const [busy, setBusy] = useState(false)
  const [error, setError] = useState<unknown>(null)
  useEffect(() => {
    if (!open) return
    setReason('')
    setMissing(false)
    setError(null)
  }, [open])
  const act = async () => {
    if (busy) return
    if (!reasonOptional && reason.trim() === '') {
      setMissing(true)
      return
    }
    setBusy(true)
    setError(null)
    try {
      await onConfirm(reason.trim())
      onClose()
    } catch (problem) {
      setError(problem)
    } finally {
      setBusy(false)
    }
  }
  return (
    <Dialog
      open={open}
      title={title}
      onClose={onClose}
      onSubmit={() => void act()}
      foot={
        <>
          <Button onClick={onClose}>{t('common.cancel')}</Button>
          <Button type="submit" kind={kind} busy={busy}>
            {confirm}
          </Button>
        </>
      }
    >
      {children}
      <TextField
        label={t('common.reason')}
        hint={t('common.reasonHint')}
        optional={reasonOptional}
        value={reason}
        onValue={(value) => {
          setReason(value)
          setMissing(false)
        }}
        error={missing ? t('common.reasonMissing') : null}
        autoFocus
        maxLength={1000}
      />
      <ErrorBanner error={error as ProblemError | null} />
    </Dialog>
  )
}
