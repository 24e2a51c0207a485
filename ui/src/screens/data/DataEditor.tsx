// One list: a text box with one value a line, what the gateway reads in it beside, import and export. What is
// entered goes into the draft by itself, a moment after the last key.

import { useCallback, useEffect, useRef, useState } from 'react'
import { ReadOnlyNote, useCan } from '../../app/session'
import type { ScreenProps } from '../../app/routes'
import { Button, ButtonLink, Card, Dialog, EmptyState, ErrorState, LinesField, Page, SelectField, Skeleton, TextField, toast } from '../../design'
import { addData, addText, changeData, deleteData, findData, fold, freshKey, usersOf, valuesText } from '../../draft/document'
import { exportText, importValues, type Imported } from '../../draft/lists'
import { draftStore, useDraft } from '../../draft/state'
import { DATA_KINDS, type DataKind, type PolicyDocument, type RuleData } from '../../draft/types'
import { t } from '../../lib/i18n'
import { navigate } from '../../lib/router'
import { saveText } from '../../lib/save'
import { UsedBy } from './DataScreen'
import { PreviewSummary, usePreview } from './preview'
import './data.css'

export default function DataEditor({ params }: ScreenProps) {
  const { draft, error, reload } = useDraft()
  const [blank] = useState<RuleData>(() => ({ key: freshKey(), name: '', kind: 'domains', values: '' }))
  const wanted = params.id ?? blank.key
  const document = draft?.document ?? null
  const set = document === null ? null : (findData(document, wanted) ?? (params.id === undefined ? blank : null))
  useFollow(document, wanted, set?.name ?? null)
  const back = { to: '/rule-data', label: t('data.toList') }
  if (document === null) {
    return (
      <Page title={t('data.title')} back={back} narrow>
        {error === null ? <Skeleton lines={8} /> : <ErrorState error={error} retry={reload} />}
      </Page>
    )
  }
  if (set === null) {
    return (
      <Page title={t('data.notFound')} back={back} narrow>
        <EmptyState icon="search" title={t('data.notFoundText')} actions={<ButtonLink to="/rule-data">{t('data.toList')}</ButtonLink>} />
      </Page>
    )
  }
  return <Editor set={set} isNew={params.id === undefined} document={document} back={back} />
}

/** A list that was new gets its id when it is published: the address follows. */
function useFollow(document: PolicyDocument | null, key: string, name: string | null): void {
  const last = useRef<string | null>(name)
  if (name !== null) last.current = name
  useEffect(() => {
    const known = last.current
    if (document === null || known === null || known === '' || findData(document, key) !== undefined) return
    const same = document.rule_data.find((other) => fold(other.name) === fold(known))
    if (same !== undefined) navigate(`/rule-data/${encodeURIComponent(same.key)}`, { replace: true })
  }, [document, key])
}

/** Puts a change of a list into the draft; one that is not there yet is added by its first change. */
function put(set: RuleData, part: Partial<RuleData>, label: string, field: string): void {
  draftStore.edit(
    label,
    (now) => (findData(now, set.key) === undefined ? addData(now, { ...set, ...part }) : changeData(now, set.key, part)),
    `${set.key} ${field}`,
  )
  if (location.pathname === '/rule-data/new') history.replaceState(null, '', `/rule-data/${encodeURIComponent(set.key)}`)
}

const TAKE_AFTER = 300

/** The text while it is typed, and the draft a moment later; what was not taken yet is taken when the screen goes. */
function useText(set: RuleData): [string, (text: string) => void] {
  const inDraft = valuesText(set.values)
  const [text, setText] = useState(inDraft)
  const pending = useRef<string | null>(null)
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined)
  const latest = useRef(set)
  latest.current = set
  const take = useCallback(() => {
    clearTimeout(timer.current)
    const values = pending.current
    pending.current = null
    if (values !== null) put(latest.current, { values }, t('data.did_edit', { name: latest.current.name }), 'values')
  }, [])
  useEffect(() => {
    // Undo, discard and import change the draft under the box.
    if (pending.current === null) setText(inDraft)
  }, [inDraft])
  useEffect(() => {
    window.addEventListener('pagehide', take)
    return () => {
      window.removeEventListener('pagehide', take)
      take()
    }
  }, [take])
  const type = (typed: string) => {
    setText(typed)
    pending.current = typed
    clearTimeout(timer.current)
    timer.current = setTimeout(take, TAKE_AFTER)
  }
  return [text, type]
}

function Editor({ set, isNew, document, back }: { set: RuleData; isNew: boolean; document: PolicyDocument; back: { to: string; label: string } }) {
  const mayEdit = useCan('edit_policy')
  const [text, type] = useText(set)
  const preview = usePreview(set.kind, text)
  const [asked, setAsked] = useState<'delete' | null>(null)
  const users = usersOf(document, set.name)
  const there = findData(document, set.key) !== undefined
  const taken = document.rule_data.some((other) => other.key !== set.key && fold(other.name) === fold(set.name) && set.name.trim() !== '')
  const nameError = taken ? t('rules.nameTaken') : there && set.name.trim() === '' ? t('rules.nameMissing') : null
  return (
    <Page
      title={isNew ? t('data.newTitle') : t('data.editTitle', { name: set.name === '' ? t('data.unnamed') : set.name })}
      intro={mayEdit ? t('data.doneHint') : undefined}
      back={back}
      narrow
      help={{ api: 'PUT /api/v1/rule-data/{id}', keys: ['[[rule_data]]', 'kind', 'values'] }}
      actions={
        <>
          {mayEdit && there && (
            <Button kind="danger" icon="trash" onClick={() => setAsked('delete')}>
              {t('data.delete')}
            </Button>
          )}
          <ButtonLink to="/rule-data" kind="primary">
            {t('data.done')}
          </ButtonLink>
        </>
      }
    >
      <ReadOnlyNote capability="edit_policy" />
      <Card>
        <fieldset className="stack" disabled={!mayEdit}>
          <TextField
            label={t('data.name')}
            hint={users.length > 0 ? t('data.renameHint') : undefined}
            value={set.name}
            onValue={(name) => put(set, { name }, t('data.did_rename', { name: set.name || name }), 'name')}
            error={nameError}
            autoFocus={isNew}
          />
          <TextField
            label={t('rules.note')}
            hint={t('rules.noteHint')}
            optional
            value={set.note ?? ''}
            onValue={(note) => put(set, { note: note === '' ? null : note }, t('data.did_edit', { name: set.name }), 'note')}
          />
          <SelectField
            label={t('data.kind')}
            hint={users.length > 0 ? t('data.kindLocked') : t(`data.kindHint_${set.kind}`)}
            value={set.kind}
            disabled={users.length > 0}
            onValue={(kind) => put(set, { kind: kind as DataKind }, t('data.did_edit', { name: set.name }), 'kind')}
            choices={DATA_KINDS.map((kind) => ({ value: kind, label: t(`data.kind_${kind}`) }))}
          />
        </fieldset>
        <LinesField label={set.kind === 'regex' ? t('data.pattern') : t('data.values')} rows={set.kind === 'regex' ? 3 : 14} value={text} onValue={type} readOnly={!mayEdit} problems={preview.problems} />
        <section aria-label={t('data.preview')} className="stack stack-sm">
          <h2>{t('data.preview')}</h2>
          <PreviewSummary preview={preview} empty={text.trim() === ''} />
        </section>
        <div className="row">
          {mayEdit && <ImportButton set={set} text={text} />}
          <Button icon="download" onClick={() => saveText(`${set.name.replace(/[^\p{L}\p{N} ._-]/gu, '_') || 'rule-data'}.txt`, 'text/plain', exportText(text))}>
            {t('data.export')}
          </Button>
        </div>
      </Card>
      <Card title={t('data.usedBy')}>
        <UsedBy rules={users} all />
      </Card>
      {asked === 'delete' && <DeleteList set={set} document={document} onClose={() => setAsked(null)} />}
    </Page>
  )
}

const LARGEST = 20 * 1024 * 1024

function ImportButton({ set, text }: { set: RuleData; text: string }) {
  const input = useRef<HTMLInputElement>(null)
  const [read, setRead] = useState<{ file: string; imported: Imported } | null>(null)
  const take = (file: File | undefined) => {
    if (file === undefined) return
    if (file.size > LARGEST) {
      toast(t('data.importLarge'), 'bad')
      return
    }
    file.text().then(
      (content) => setRead({ file: file.name, imported: importValues(content, set.kind) }),
      () => toast(t('data.importFailed'), 'bad'),
    )
    if (input.current !== null) input.current.value = ''
  }
  const apply = (values: string) => {
    put(set, { values }, t('data.did_import', { name: set.name }), `import ${Date.now()}`)
    setRead(null)
  }
  return (
    <>
      <Button icon="upload" title={t('data.importHint')} onClick={() => input.current?.click()}>
        {t('data.import')}
      </Button>
      <input ref={input} type="file" accept=".txt,.csv,text/plain,text/csv" hidden aria-label={t('data.import')} onChange={(event) => take(event.target.files?.[0])} />
      {read !== null && (
        <Dialog
          open
          title={t('data.importTitle', { file: read.file })}
          onClose={() => setRead(null)}
          foot={
            <>
              <Button onClick={() => setRead(null)}>{t('common.cancel')}</Button>
              <Button onClick={() => apply(exportText(read.imported.values.join('\n')))}>{t('data.importReplace')}</Button>
              <Button kind="primary" onClick={() => apply(addText(text, read.imported.values))}>
                {t('data.importAppend')}
              </Button>
            </>
          }
        >
          <p>{t('data.importFound', { n: read.imported.values.filter((value) => value.trim() !== '').length })}</p>
          {read.imported.head !== null && <p className="break">{t('data.importHead', { head: read.imported.head })}</p>}
          <pre className="import-sample">{read.imported.values.slice(0, 8).join('\n')}</pre>
        </Dialog>
      )}
    </>
  )
}

function DeleteList({ set, document, onClose }: { set: RuleData; document: PolicyDocument; onClose: () => void }) {
  const users = usersOf(document, set.name)
  if (users.length > 0) {
    return (
      <Dialog open title={t('data.deleteUsed', { name: set.name })} onClose={onClose}>
        <p>{t('data.deleteUsedText')}</p>
        <UsedBy rules={users} all />
      </Dialog>
    )
  }
  const go = () => {
    draftStore.edit(t('data.did_delete', { name: set.name }), (now) => deleteData(now, set.key))
    navigate('/rule-data')
  }
  return (
    <Dialog
      open
      title={t('data.deleteTitle', { name: set.name === '' ? t('data.unnamed') : set.name })}
      onClose={onClose}
      onSubmit={go}
      foot={
        <>
          <Button onClick={onClose}>{t('common.cancel')}</Button>
          <Button type="submit" kind="danger-solid">
            {t('data.deleteDo')}
          </Button>
        </>
      }
    >
      <p>{t('data.deleteText')}</p>
    </Dialog>
  )
}
