// Questions about a rule: where to, and whether to delete it.

import { useState } from 'react'
import { Button, Dialog, TextField } from '../../design'
import { ruleName, type Rule } from '../../draft/types'
import { t } from '../../lib/i18n'
import { deleteInDraft } from './steps'

export function MoveDialog({ rule, at, total, onClose, onMove }: { rule: Rule | null; at: number; total: number; onClose: () => void; onMove: (rule: Rule, to: number) => void }) {
  return rule === null ? null : <Move key={rule.key} rule={rule} at={at} total={total} onClose={onClose} onMove={onMove} />
}

function Move({ rule, at, total, onClose, onMove }: { rule: Rule; at: number; total: number; onClose: () => void; onMove: (rule: Rule, to: number) => void }) {
  const [text, setText] = useState(String(at + 1))
  const [wrong, setWrong] = useState(false)
  const go = () => {
    const place = /^\s*\d+\s*$/.test(text) ? Number(text) : 0
    if (place < 1 || place > total) {
      setWrong(true)
      return
    }
    onMove(rule, place - 1)
    onClose()
  }
  return (
    <Dialog
      open
      title={t('rules.moveToTitle', { name: ruleName(rule) })}
      onClose={onClose}
      onSubmit={go}
      foot={
        <>
          <Button onClick={onClose}>{t('common.cancel')}</Button>
          <Button type="submit" kind="primary">
            {t('rules.moveDo')}
          </Button>
        </>
      }
    >
      <TextField
        label={t('rules.moveToField', { total })}
        inputMode="numeric"
        value={text}
        onValue={(value) => {
          setText(value)
          setWrong(false)
        }}
        error={wrong ? t('rules.moveToWrong', { total }) : null}
        autoFocus
      />
    </Dialog>
  )
}

export function DeleteDialog({ rule, onClose, onDeleted }: { rule: Rule | null; onClose: () => void; onDeleted?: () => void }) {
  if (rule === null) return null
  const go = () => {
    deleteInDraft(rule)
    onClose()
    onDeleted?.()
  }
  return (
    <Dialog
      open
      title={t('rules.deleteTitle', { name: ruleName(rule) })}
      onClose={onClose}
      onSubmit={go}
      foot={
        <>
          <Button onClick={onClose}>{t('common.cancel')}</Button>
          <Button type="submit" kind="danger-solid">
            {t('rules.deleteDo')}
          </Button>
        </>
      }
    >
      <p>{t('rules.deleteText')}</p>
    </Dialog>
  )
}
