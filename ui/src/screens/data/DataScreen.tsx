// Custom Rule Data: the lists, how many values each has and which rules name it.

import { useMemo } from 'react'
import type { DataFacts } from '../../api/types'
import { ReadOnlyNote, useCan } from '../../app/session'
import type { ScreenProps } from '../../app/routes'
import { ButtonLink, Card, Chip, EmptyState, ErrorState, Page, SearchField, Skeleton, Table } from '../../design'
import { fold, usersOf, valuesText } from '../../draft/document'
import { useCheck, useDraft } from '../../draft/state'
import type { CustomRule, PolicyDocument, RuleData } from '../../draft/types'
import { number } from '../../lib/format'
import { t } from '../../lib/i18n'
import { Link, useSearch } from '../../lib/router'
import { Inert } from '../mail/Inert'
import { roughCount } from './text'

export default function DataScreen(_: ScreenProps) {
  const { draft, error, reload, data } = useDraft()
  const mayEdit = useCan('edit_policy')
  const add = mayEdit && (
    <ButtonLink to="/rule-data/new" kind="primary" icon="plus">
      {t('data.add')}
    </ButtonLink>
  )
  return (
    <Page title={t('data.title')} intro={t('data.lead')} actions={add} help={{ cli: 'gatepost policy export', api: 'GET /api/v1/rule-data', keys: ['[[rule_data]]'] }}>
      <ReadOnlyNote capability="edit_policy" />
      {error !== null && <ErrorState error={error} retry={reload} />}
      {draft === null ? (
        error === null && <Skeleton lines={6} />
      ) : draft.document.rule_data.length === 0 ? (
        <EmptyState icon="data" title={t('data.emptyTitle')} actions={add || undefined}>
          {t('data.emptyText')}
        </EmptyState>
      ) : (
        <Lists document={draft.document} original={draft.original} facts={data} />
      )}
    </Page>
  )
}

/** How many rules a row names before it counts the rest. */
const NAMED = 3

function Lists({ document, original, facts }: { document: PolicyDocument; original: PolicyDocument; facts: ReadonlyMap<string, DataFacts> }) {
  const [params, setParams] = useSearch()
  const { checked } = useCheck(document)
  const query = (params.get('q') ?? '').trim().toLowerCase()
  const rows = useMemo(() => document.rule_data.filter((set) => set.name.toLowerCase().includes(query)), [document, query])
  const broken = new Set(checked?.errors.flatMap((problem) => /^\/rule_data\/(\d+)/.exec(problem.pointer)?.[1] ?? []).map((index) => checked.document.rule_data[Number(index)]?.key))
  /** The gateway's count where the list is as the gateway knows it, else one of our own. */
  const count = (set: RuleData): number => {
    const known = original.rule_data.find((old) => old.key === set.key)
    return (known !== undefined && known.values === set.values ? facts.get(fold(known.name))?.count : undefined) ?? roughCount(set.kind, valuesText(set.values))
  }
  return (
    <>
      <div className="toolbar">
        <SearchField label={t('data.filter')} value={params.get('q') ?? ''} onValue={(q) => setParams({ q })} className="wide" />
      </div>
      {rows.length === 0 ? (
        <EmptyState icon="search" title={t('data.filteredNone')} />
      ) : (
        <Card flush>
          <Table
            caption={t('data.table')}
            rows={rows}
            rowKey={(set) => set.key}
            columns={[
              {
                key: 'name',
                head: t('data.name'),
                names: true,
                cell: (set) => (
                  <span className="row">
                    <Link to={`/rule-data/${encodeURIComponent(set.key)}`} className="break">
                      {set.name === '' ? t('data.unnamed') : <Inert text={set.name} />}
                    </Link>
                    {broken.has(set.key) && (
                      <Chip tone="bad" icon="error">
                        {t('common.error')}
                      </Chip>
                    )}
                  </span>
                ),
              },
              { key: 'kind', head: t('data.kind'), cell: (set) => t(`data.kind_${set.kind}`) },
              { key: 'count', head: t('data.count'), end: true, cell: (set) => number(count(set)) },
              { key: 'used', head: t('data.usedBy'), cell: (set) => <UsedBy rules={usersOf(document, set.name)} /> },
            ]}
          />
        </Card>
      )}
    </>
  )
}

/** The rules that name a list, as links. */
export function UsedBy({ rules, all = false }: { rules: readonly CustomRule[]; all?: boolean }) {
  if (rules.length === 0) return <span className="muted">{t('data.unused')}</span>
  const named = all ? rules : rules.slice(0, NAMED)
  return (
    <ul className="plain">
      {named.map((rule) => (
        <li key={rule.key}>
          <Link to={`/rules/${encodeURIComponent(rule.key)}`} className="break">
            <Inert text={rule.name} />
          </Link>
        </li>
      ))}
      {rules.length > named.length && <li className="muted small">{t('data.andMore', { n: rules.length - named.length })}</li>}
    </ul>
  )
}
