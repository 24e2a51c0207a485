// The way from a pasted list to a published policy, for the cards that begin with a list. The reader may stop at any
// step: until the last one everything is in the draft alone.

import { useEffect, useMemo, useRef, useState } from 'react'
import { ReadOnlyNote, useCan, useWhyNot } from '../../app/session'
import { Banner, Button, ButtonLink, Card, Page } from '../../design'
import { findDataNamed } from '../../draft/document'
import { Review } from '../../draft/Review'
import { draftStore, useDraft } from '../../draft/state'
import type { PolicyDocument } from '../../draft/types'
import { t } from '../../lib/i18n'
import { useSearch } from '../../lib/router'
import '../mail/mail.css'
import { Inert } from '../mail/Inert'
import { CheckPanel } from './CheckPanel'
import { Choices } from './Choices'
import { LevelChoice } from './LevelChoice'
import { ListChoice } from './ListChoice'
import { PasteBox, usePaste } from './PasteBox'
import { ReadinessTable } from './ReadinessTable'
import { included, type Row } from './readiness'
import { Suggest } from './Suggest'
import { useProbes } from './useProbes'

export type Wish = 'Require' | 'Verify'

interface Props {
  title: string
  lead: string
  /** The name that a new list gets unless the reader says another. */
  listName: string
  /** Whether what would wait is left out: of a list that is enforced, not of one that is excepted. */
  checks: boolean
  apply: (document: PolicyDocument, list: string, text: string, level: Wish) => PolicyDocument
}

export function ListJourney({ title, lead, listName, checks, apply }: Props) {
  const [search] = useSearch()
  const { draft, error } = useDraft()
  const pasted = usePaste(search.get('domain') ?? '')
  const probes = useProbes()
  const [list, setList] = useState(listName)
  const [wish, setWish] = useState<Wish>('Require')
  const [said, setSaid] = useState<ReadonlyMap<string, boolean>>(new Map())
  const [review, setReview] = useState(false)
  const [done, setDone] = useState<number | null>(null)
  const level = wish === 'Require' ? 'require' : 'verify'
  const mayNotEdit = useWhyNot('edit_policy')
  const mayNotProbe = useWhyNot('probe')

  const rows = useMemo<Row[]>(() => pasted.entries.map((entry) => probes.rows.get(entry.value) ?? { state: 'waiting', domain: entry.value }), [pasted.entries, probes.rows])
  const kept = useMemo(() => {
    const left = new Set(rows.filter((row) => checks && !included(row, level, said)).map((row) => row.domain))
    return pasted.entries.filter((entry) => !left.has(entry.value))
  }, [pasted.entries, rows, level, said, checks])

  // What an earlier look at the review put into the draft is taken out before it is put in anew.
  const applied = useRef<PolicyDocument | null>(null)
  const begin = () => {
    if (applied.current !== null && draftStore.get()?.document === applied.current) draftStore.undo()
    const before = draftStore.get()?.document ?? null
    const text = kept.map((entry) => entry.text).join('\n')
    draftStore.edit(title, (document) => apply(document, list.trim(), text, wish))
    const after = draftStore.get()?.document ?? null
    applied.current = after === before ? null : after
    setReview(true)
  }
  const why = mayNotEdit ?? (list.trim() === '' ? t('tls.listNameMissing') : kept.length === 0 ? t('tls.nothingLeft') : draft === null ? t('common.loading') : null)
  const editable = useCan('edit_policy')
  useEffect(() => setDone(null), [pasted.text])

  return (
    <Page title={title} intro={lead} back={{ to: '/tls', label: t('tls.toTls') }} help={{ cli: 'gatepost tls probe --file list.txt && gatepost policy apply policy.toml', api: 'POST /api/v1/tls/probe' }}>
      {editable ? null : <ReadOnlyNote capability="edit_policy" />}
      {error !== null && <Banner tone="bad">{error.message}</Banner>}
      <Card title={t('tls.stepDomains')}>
        <PasteBox pasted={pasted} label={t('tls.paste')} />
        {checks && <Suggest pasted={pasted} />}
        <ListChoice list={list} setList={setList} lists={draft?.document.rule_data.filter((set) => set.kind === 'domains').map((set) => set.name) ?? []} fresh={listName} />
      </Card>
      <Card title={t('tls.stepCheck')}>
        <CheckPanel probes={probes} rows={rows} level={level} why={mayNotProbe ?? (pasted.entries.length === 0 ? t('tls.nothingLeft') : null)} onCheck={() => probes.start(pasted.entries.map((entry) => entry.value), level)} />
        {probes.rows.size > 0 ? (
          <ReadinessTable
            caption={t('tls.stepCheck')}
            rows={rows}
            level={level}
            enforced={checks ? { of: (row) => included(row, level, said), set: (domain, on) => setSaid((old) => new Map(old).set(domain, on)) } : undefined}
          />
        ) : (
          <p className="muted">{t('tls.checkFirst')}</p>
        )}
      </Card>
      <Card title={t('tls.stepLevel')}>
        <LevelChoice wish={wish} setWish={setWish} rows={rows} />
        {checks && probes.rows.size > 0 && <Choices rows={rows} level={level} said={said} setSaid={setSaid} />}
      </Card>
      <Card title={t('tls.stepReview')}>
        {done === null ? (
          <>
            <p>{t('tls.inEffect')}</p>
            <div className="row">
              <Button kind="primary" why={why} onClick={begin}>
                {t('tls.review')}
              </Button>
              <span className="muted small">
                {t('tls.entries', { n: kept.length })} · <Inert text={list} />
              </span>
            </div>
          </>
        ) : (
          <Banner tone="ok" live title={t('tls.published', { revision: done })} actions={<ButtonLink to={`/evidence?list=${encodeURIComponent(draft === null ? list : (findDataNamed(draft.document, list)?.name ?? list))}`}>{t('tls.toEvidence')}</ButtonLink>}>
            <p>{t('tls.publishedText')}</p>
          </Banner>
        )}
      </Card>
      {review && draft !== null && <Review draft={draft} onClose={() => setReview(false)} onPublished={setDone} />}
    </Page>
  )
}
