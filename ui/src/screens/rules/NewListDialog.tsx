// A new set of Custom Rule Data, made where a Condition needs it.

import { useState } from 'react'
import { Button, Dialog, LinesField, SelectField, TextField } from '../../design'
import { addData, fold, freshKey } from '../../draft/document'
import { draftStore } from '../../draft/state'
import type { DataKind, PolicyDocument } from '../../draft/types'
import { t } from '../../lib/i18n'
import { PreviewSummary, usePreview } from '../data/preview'

export function NewListDialog({ document, kinds, onClose, onAdded }: { document: PolicyDocument; kinds: readonly DataKind[]; onClose: () => void; onAdded: (name: string) => void }) {
  const [name, setName] = useState('')
  const [kind, setKind] = useState<DataKind>(kinds[0] ?? 'domains')
  const [text, setText] = useState('')
  const [missing, setMissing] = useState(false)
  const preview = usePreview(kind, text)
  const taken = document.rule_data.some((set) => fold(set.name) === fold(name))
  const error = taken ? t('rules.nameTaken') : missing && name.trim() === '' ? t('rules.nameMissing') : null
  const add = () => {
    if (name.trim() === '' || taken) {
      setMissing(true)
      return
    }
    const wanted = name.trim()
    draftStore.edit(t('data.did_add', { name: wanted }), (now) => addData(now, { key: freshKey(), name: wanted, kind, values: text }))
    onAdded(wanted)
  }
  return (
    <Dialog
      open
      wide
      title={t('rules.newListTitle')}
      onClose={onClose}
      onSubmit={add}
      foot={
        <>
          <Button onClick={onClose}>{t('common.cancel')}</Button>
          <Button type="submit" kind="primary">
            {t('rules.newDataDo')}
          </Button>
        </>
      }
    >
      <TextField label={t('rules.newDataName')} value={name} onValue={setName} error={error} autoFocus />
      {kinds.length > 1 && <SelectField label={t('rules.newDataKind')} value={kind} onValue={(value) => setKind(value as DataKind)} choices={kinds.map((one) => ({ value: one, label: t(`data.kind_${one}`) }))} />}
      <LinesField label={kind === 'regex' ? t('data.pattern') : t('rules.newDataValues')} hint={t(`data.kindHint_${kind}`)} rows={8} value={text} onValue={setText} problems={preview.problems} />
      <PreviewSummary preview={preview} empty={text.trim() === ''} />
    </Dialog>
  )
}
