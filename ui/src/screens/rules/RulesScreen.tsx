// Message Rules: the ordered list. Everything that is done here goes into the draft.

import { useMemo, useState } from 'react'
import type { Finding } from '../../api/types'
import { ReadOnlyNote, useCan } from '../../app/session'
import type { ScreenProps } from '../../app/routes'
import { Banner, ButtonLink, EmptyState, ErrorState, Page, SearchField, SelectField, Skeleton } from '../../design'
import { findingsByRule, problemCounts } from '../../draft/problems'
import { useCheck, useDraft } from '../../draft/state'
import { isSystem, type PolicyDocument, type Rule } from '../../draft/types'
import { t, type Key } from '../../lib/i18n'
import { useSearch } from '../../lib/router'
import { RuleList } from './RuleList'
import { searchText } from './words'
import './rules.css'

type Show = 'all' | 'active' | 'off' | 'shadow' | 'findings'
const SHOW: readonly { value: Show; label: Key }[] = [
  { value: 'all', label: 'rules.filterAll' },
  { value: 'active', label: 'rules.filterActive' },
  { value: 'off', label: 'rules.filterOff' },
  { value: 'shadow', label: 'rules.filterShadow' },
  { value: 'findings', label: 'rules.filterFindings' },
]

function fits(rule: Rule, show: Show, flagged: boolean): boolean {
  switch (show) {
    case 'all':
      return true
    case 'active':
      return rule.active
    case 'off':
      return !rule.active
    case 'shadow':
      return !isSystem(rule) && rule.shadow
    case 'findings':
      return flagged
  }
}

export default function RulesScreen(_: ScreenProps) {
  const { draft, error, reload, rules: facts } = useDraft()
  const mayEdit = useCan('edit_policy')
  return (
    <Page
      title={t('rules.title')}
      intro={t('rules.lead')}
      help={{ cli: 'gatepost rules list', api: 'GET /api/v1/rules', keys: ['[[rule]]'] }}
      actions={
        mayEdit && (
          <ButtonLink to="/rules/new" kind="primary" icon="plus">
            {t('rules.add')}
          </ButtonLink>
        )
      }
    >
      <ReadOnlyNote capability="edit_policy" />
      {error !== null && <ErrorState error={error} retry={reload} />}
      {draft === null ? error === null && <Skeleton lines={8} /> : <Rules document={draft.document} facts={facts} mayEdit={mayEdit} />}
    </Page>
  )
}

function Rules({ document, facts, mayEdit }: { document: PolicyDocument; facts: ReturnType<typeof useDraft>['rules']; mayEdit: boolean }) {
  const [params, setParams] = useSearch()
  const [moving, setMoving] = useState<PolicyDocument | null>(null)
  const { checked } = useCheck(moving ?? document)
  const findings = useMemo(() => (checked === null ? new Map<string, Finding[]>() : findingsByRule(checked.document, checked.findings)), [checked])
  const problems = useMemo(() => (checked === null ? new Map<string, number>() : problemCounts(checked.document, checked.errors)), [checked])
  const query = params.get('q') ?? ''
  const show = SHOW.find((entry) => entry.value === params.get('show'))?.value ?? 'all'
  const wanted = query.trim().toLowerCase()
  const filtered = wanted !== '' || show !== 'all'
  const rows = useMemo(() => {
    if (!filtered) return document.rule
    const words = wanted.split(/\s+/)
    return document.rule.filter((rule) => {
      const text = searchText(rule)
      return words.every((part) => text.includes(part)) && fits(rule, show, findings.has(rule.key) || problems.has(rule.key))
    })
  }, [document, filtered, wanted, show, findings, problems])
  const whole = checked?.findings.filter((finding) => finding.rule === null) ?? []
  const total = document.rule.length

  return (
    <>
      {whole.length > 0 && (
        <Banner tone="warn" title={t('rules.policyFindings')}>
          <ul>
            {whole.map((finding, index) => (
              <li key={index} className="break">
                {finding.text} {finding.fix}
              </li>
            ))}
          </ul>
        </Banner>
      )}
      <div className="toolbar">
        <SearchField label={t('rules.filter')} placeholder={t('rules.filterHint')} value={query} onValue={(q) => setParams({ q })} className="wide" />
        <SelectField
          label={t('rules.filterState')}
          hideLabel
          value={show}
          onValue={(value) => setParams({ show: value === 'all' ? null : value })}
          choices={SHOW.map((entry) => ({ value: entry.value, label: t(entry.label) }))}
        />
      </div>
      <p role="status" className={filtered ? 'muted small' : 'hidden-text'}>
        {filtered ? `${t('rules.filtered', { n: rows.length, total })}. ${mayEdit ? t('rules.filteredNoDrag') : ''}` : ''}
      </p>
      {!filtered && !document.rule.some((rule) => !isSystem(rule)) && (
        <Banner title={t('rules.empty')}>
          <p>{t('rules.emptyText')}</p>
        </Banner>
      )}
      {rows.length === 0 ? (
        <EmptyState icon="search" title={t('rules.filteredNone')} />
      ) : (
        <RuleList document={document} rows={rows} facts={facts} findings={findings} problems={problems} mayEdit={mayEdit} mayDrag={mayEdit && !filtered} onMoving={setMoving} />
      )}
    </>
  )
}
