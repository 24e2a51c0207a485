// Domains and routes: which domains are ours and where their mail goes, who may send out, and smart hosts. Edits go
// into the draft, like those of rules.

import { useState, type ReactNode } from 'react'
import type { Problem } from '../../api/types'
import { ReadOnlyNote, useCan } from '../../app/session'
import { Button, Card, EmptyState, ErrorState, FieldError, Menu, Page, Skeleton, Table, type Column, type IconName } from '../../design'
import { pointerParts } from '../../draft/problems'
import { draftStore, useCheck, useDraft } from '../../draft/state'
import type { Domain, OutboundSource, PolicyDocument, SmartHost } from '../../draft/types'
import { t } from '../../lib/i18n'
import { DomainDialog } from './DomainDialog'
import { put, remove, type Lists } from './edits'
import { levelName } from './levels'
import { SmartHostDialog } from './SmartHostDialog'
import { SourceDialog } from './SourceDialog'
import './routes.css'

type Area = keyof Lists
type Editing = { area: Area; index: number } | null

export default function Routes() {
  const { draft, error, reload } = useDraft()
  return (
    <Page
      title={t('routes.title')}
      intro={t('routes.intro')}
      help={{ text: <p>{t('routes.help')}</p>, cli: 'gatepost policy export', api: 'GET /api/v1/domains', keys: ['[[domain]]', '[[outbound_source]]', '[[smart_host]]'] }}
    >
      <ReadOnlyNote capability="edit_policy" />
      {error !== null && <ErrorState error={error} retry={reload} />}
      {draft === null ? error === null && <Skeleton lines={8} /> : <Sections document={draft.document} />}
    </Page>
  )
}

/** The problems of one entry, in sentences. */
function problemsOf(problems: readonly Problem[], area: Area, index: number): string[] {
  return problems.flatMap((problem) => {
    const [first, second] = pointerParts(problem.pointer)
    return first === area && second === String(index) ? [[problem.detail, problem.remedy].filter(Boolean).join(' ')] : []
  })
}

function Sections({ document }: { document: PolicyDocument }) {
  const [editing, setEditing] = useState<Editing>(null)
  const { checked } = useCheck(document)
  const problems = checked?.document === document ? checked.errors : []
  const close = () => setEditing(null)
  const save = <A extends Area>(area: A, index: number, entry: Lists[A], label: string) => {
    draftStore.edit(label, (before) => put(before, area, index, entry))
    close()
  }
  const shared = { document, problems, onEdit: (area: Area, index: number) => setEditing({ area, index }) }
  return (
    <>
      <Section {...shared} area="domain" icon="mail" title={t('routes.domains')} intro={t('routes.domainsIntro')} empty={t('routes.noDomains')} add={t('routes.addDomain')} columns={domainColumns()} nameOf={(d) => d.name} />
      <Section {...shared} area="outbound_source" icon="outbound" title={t('routes.sources')} intro={t('routes.sourcesIntro')} empty={t('routes.noSources')} add={t('routes.addSource')} columns={sourceColumns()} nameOf={(s) => s.network} />
      <Section {...shared} area="smart_host" icon="routes" title={t('routes.smartHosts')} intro={t('routes.smartHostsIntro')} empty={t('routes.noSmartHosts')} add={t('routes.addSmartHost')} columns={smartHostColumns()} nameOf={(h) => h.host} />
      {editing?.area === 'domain' && <DomainDialog domain={document.domain[editing.index]} others={document.domain.filter((_, i) => i !== editing.index).map((d) => d.name)} onClose={close} onSave={(entry) => save('domain', editing.index, entry, t('routes.undoDomain', { name: entry.name }))} />}
      {editing?.area === 'outbound_source' && <SourceDialog source={document.outbound_source[editing.index]} onClose={close} onSave={(entry) => save('outbound_source', editing.index, entry, t('routes.undoSource', { name: entry.network }))} />}
      {editing?.area === 'smart_host' && <SmartHostDialog host={document.smart_host[editing.index]} onClose={close} onSave={(entry) => save('smart_host', editing.index, entry, t('routes.undoSmartHost', { name: entry.host }))} />}
    </>
  )
}

interface SectionProps<A extends Area> {
  area: A
  document: PolicyDocument
  problems: readonly Problem[]
  icon: IconName
  title: string
  intro: string
  empty: string
  add: string
  columns: Column<Lists[A]>[]
  nameOf: (entry: Lists[A]) => string
  onEdit: (area: Area, index: number) => void
}

function Section<A extends Area>({ area, document, problems, icon, title, intro, empty, add, columns, nameOf, onEdit }: SectionProps<A>) {
  const mayEdit = useCan('edit_policy')
  const rows = document[area] as Lists[A][]
  const [first, ...rest] = columns
  const withProblems: Column<Lists[A]>[] = first === undefined ? [] : [{ ...first, cell: (row, index) => <WithProblems texts={problemsOf(problems, area, index)}>{first.cell(row, index)}</WithProblems> }, ...rest]
  const menu: Column<Lists[A]> = {
    key: 'do',
    head: t('common.actions'),
    hideHead: true,
    fit: true,
    cell: (row, index) => (
      <Menu
        label={t('common.actionsFor', { name: nameOf(row) })}
        entries={[
          { label: t('common.edit'), icon: 'edit', onSelect: () => onEdit(area, index) },
          { label: t('common.remove'), icon: 'trash', danger: true, onSelect: () => draftStore.edit(t('routes.undoRemove', { name: nameOf(row) }), (before) => remove(before, area, index)) },
        ]}
      />
    ),
  }
  return (
    <Card
      flush
      title={title}
      intro={intro}
      actions={
        mayEdit && (
          <Button small icon="plus" onClick={() => onEdit(area, rows.length)}>
            {add}
          </Button>
        )
      }
    >
      {rows.length === 0 ? <EmptyState icon={icon} title={empty} /> : <Table compact={area === 'outbound_source'} caption={title} columns={mayEdit ? [...withProblems, menu] : withProblems} rows={rows} rowKey={(row, index) => `${index} ${nameOf(row)}`} />}
    </Card>
  )
}

function WithProblems({ texts, children }: { texts: string[]; children: ReactNode }) {
  return (
    <>
      {children}
      {texts.map((text) => (
        <FieldError key={text} text={text} />
      ))}
    </>
  )
}

const domainColumns = (): Column<Domain>[] => [
  { key: 'name', head: t('routes.domain'), names: true, cell: (d) => d.name },
  {
    key: 'routes',
    head: t('routes.goesTo'),
    cell: (d) =>
      d.routes === undefined || d.routes.length === 0 ? (
        <span className="muted">{t('routes.byMx')}</span>
      ) : (
        <ul className="plain route-list">
          {d.routes.map((route, i) => (
            <li key={i}>
              <code>
                {route.host}:{route.port ?? 25}
              </code>{' '}
              <span className="muted">
                {d.routes.length > 1 && `${t('routes.weightOf', { n: route.weight ?? 1 })}, `}
                {levelName(route.tls ?? 'try')}
              </span>
            </li>
          ))}
        </ul>
      ),
  },
]

const sourceColumns = (): Column<OutboundSource>[] => [{ key: 'network', head: t('routes.network'), names: true, cell: (s) => <code>{s.network}</code> }]

const smartHostColumns = (): Column<SmartHost>[] => [
  {
    key: 'host',
    head: t('routes.smartHost'),
    names: true,
    cell: (h) => (
      <code>
        {h.host}:{h.port ?? 25}
      </code>
    ),
  },
  { key: 'domains', head: t('routes.forDomains'), cell: (h) => (h.domains.includes('*') ? t('routes.allDomains') : h.domains.join(', ')) },
  { key: 'tls', head: t('routes.level'), cell: (h) => `${levelName(h.tls ?? 'try')}${h.implicit_tls ? ` · ${t('routes.implicit')}` : ''}` },
  { key: 'login', head: t('routes.login'), cell: (h) => (h.username == null || h.username === '' ? '–' : h.username) },
]
