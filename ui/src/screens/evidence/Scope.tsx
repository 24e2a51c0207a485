// Which recipients the evidence is about: all, those of one domain, or those of a list of the policy.

import { useState } from 'react'
import type { DataFacts, PageOf } from '../../api/types'
import { SelectField, TextField } from '../../design'
import { t } from '../../lib/i18n'
import { useQuery } from '../../lib/query'
import { useSearch } from '../../lib/router'
import { spelled } from '../mail/unseen'

type Kind = 'all' | 'domain' | 'list'

export interface Scope {
  kind: Kind
  setKind: (kind: Kind) => void
  domain: string
  setDomain: (domain: string) => void
  list: string
  setList: (list: string) => void
  lists: DataFacts[]
  /** The search parameters; null while the scope is not said yet. */
  query: Record<string, string> | null
  /** The scope for people. */
  words: string
}

export function useScope(): Scope {
  const [search] = useSearch()
  const [asked, given] = [search.get('list'), search.get('domain')]
  const [kind, setKind] = useState<Kind>(asked !== null ? 'list' : given !== null ? 'domain' : 'all')
  const [domain, setDomain] = useState(given ?? '')
  const [list, setList] = useState(asked ?? '')
  const data = useQuery<PageOf<DataFacts>>('/rule-data', { query: { limit: 1000 } })
  const lists = data.data?.items.filter((one) => one.kind === 'domains') ?? []
  const chosen = lists.find((one) => one.name === list) ?? lists[0]
  const typed = domain.trim()
  const queries: Record<Kind, Record<string, string> | null> = {
    all: {},
    domain: typed === '' ? null : { domain: typed },
    list: chosen === undefined ? null : { rule_data: chosen.name },
  }
  const query = queries[kind]
  const words = { all: t('evidence.scopeAll'), domain: typed, list: spelled(chosen?.name ?? '') }[kind]
  return { kind, setKind, domain, setDomain, list: chosen?.name ?? '', setList, lists, query, words }
}

export function ScopeField({ scope }: { scope: Scope }) {
  return (
    <>
      <SelectField
        label={t('evidence.scope')}
        value={scope.kind}
        onValue={(kind) => scope.setKind(kind as Kind)}
        choices={[
          { value: 'all', label: t('evidence.scopeAll') },
          { value: 'domain', label: t('evidence.scopeDomain') },
          { value: 'list', label: t('evidence.scopeList'), disabled: scope.lists.length === 0 },
        ]}
      />
      {scope.kind === 'domain' && <TextField label={t('evidence.scopeDomainLabel')} value={scope.domain} onValue={scope.setDomain} placeholder="partner.example" />}
      {scope.kind === 'list' && <SelectField label={t('evidence.scopeListLabel')} value={scope.list} onValue={scope.setList} choices={scope.lists.map((one) => ({ value: one.name, label: one.name }))} />}
    </>
  )
}
