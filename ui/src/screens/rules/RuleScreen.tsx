// One rule: its Conditions, Actions and Final Action, in the words of the administrator's guide. What is entered
// goes into the draft at once, so that leaving the screen loses nothing.

import { useEffect, useMemo, useRef, useState, type ReactNode } from 'react'
import type { Finding, Problem } from '../../api/types'
import { ReadOnlyNote, useCan } from '../../app/session'
import type { ScreenProps } from '../../app/routes'
import { Banner, Button, ButtonLink, Card, EmptyState, ErrorState, Page, Skeleton, Switch, TextAreaField, TextField } from '../../design'
import { addRule, blankRule, changeRule, findRule, indexOfRule, ruleNames, fold } from '../../draft/document'
import { problemsAt } from '../../draft/problems'
import { draftStore, useCheck, useDraft, type Checked } from '../../draft/state'
import { FINAL_ACTIONS, isSystem, ruleName, type CustomRule, type PolicyDocument, type SystemRule } from '../../draft/types'
import { t } from '../../lib/i18n'
import { navigate } from '../../lib/router'
import { ActionList } from './ActionList'
import { ConditionList } from './ConditionList'
import { DeleteDialog } from './dialogs'
import { Matches } from './Matches'
import { copyInDraft, switchInDraft } from './steps'
import { word } from './words'
import './rules.css'

const BACK = { to: '/rules', label: '' }

export default function RuleScreen({ params }: ScreenProps) {
  const { draft, rules, error, reload } = useDraft()
  const [blank] = useState(() => blankRule())
  const wanted = params.id ?? blank.key
  const document = draft?.document ?? null
  const rule = document === null ? null : (findRule(document, wanted) ?? (params.id === undefined ? blank : null))
  useFollow(document, wanted, rule === null || isSystem(rule) ? null : rule.name)
  const back = { ...BACK, label: t('rules.toList') }

  if (document === null) {
    return (
      <Page title={t('rules.title')} back={back} narrow>
        {error === null ? <Skeleton lines={8} /> : <ErrorState error={error} retry={reload} />}
      </Page>
    )
  }
  if (rule === null) {
    return <NoRule />
  }
  const known = [...rules.values()].find((facts) => facts.id === rule.key)
  const matches = known === undefined ? null : <Matches key={known.name} facts={known} />
  return isSystem(rule) ? <SystemRuleView rule={rule} back={back} matches={matches} /> : <Editor rule={rule} blank={params.id === undefined ? blank : null} document={document} back={back} matches={matches} />
}

/** The screen where a rule is not, or no longer. */
export function NoRule() {
  return (
    <Page title={t('rules.notFound')} back={{ to: '/rules', label: t('rules.toList') }} narrow>
      <EmptyState icon="search" title={t('rules.notFoundText')} actions={<ButtonLink to="/rules">{t('rules.toList')}</ButtonLink>} />
    </Page>
  )
}

/** A rule that was new gets its id when it is published: the address follows. */
function useFollow(document: PolicyDocument | null, key: string, name: string | null): void {
  const last = useRef<string | null>(name)
  if (name !== null) last.current = name
  useEffect(() => {
    if (document === null || last.current === null || last.current === '' || findRule(document, key) !== undefined) return
    const same = document.rule.find((other) => fold(ruleName(other)) === fold(last.current ?? ''))
    if (same !== undefined) navigate(`/rules/${encodeURIComponent(same.key)}`, { replace: true })
  }, [document, key])
}

function SystemRuleView({ rule, back, matches }: { rule: SystemRule; back: { to: string; label: string }; matches: ReactNode }) {
  const mayEdit = useCan('edit_policy')
  return (
    <Page title={t('rules.editTitle', { name: ruleName(rule) })} back={back} narrow>
      <ReadOnlyNote capability="edit_policy" />
      <Card>
        <div className="stack">
          <p>{t(`rules.system_${rule.system}`)}</p>
          <p className="muted">{t('rules.systemLocked')}</p>
          <Switch label={t('rules.active')} checked={rule.active} disabled={!mayEdit} onChecked={(on) => switchInDraft(rule, 'active', on)} />
        </div>
      </Card>
      {matches}
    </Page>
  )
}

/** What the parts of the editor are given. */
export interface Editing {
  rule: CustomRule
  document: PolicyDocument
  mayEdit: boolean
  /** Problems with pointers from the rule on. */
  problems: readonly Problem[]
  /** Changes the rule in the draft; edits of one `field` in a row are one step. */
  change: (part: Partial<CustomRule>, field: string) => void
}

function useEditing(rule: CustomRule, blank: CustomRule | null, document: PolicyDocument, checked: Checked | null): Editing {
  const mayEdit = useCan('edit_policy')
  const problems = useMemo(() => {
    const at = checked === null ? -1 : indexOfRule(checked.document, rule.key)
    return checked === null || at < 0 ? [] : problemsAt(checked.errors, 'rule', at)
  }, [checked, rule.key])
  const change = (part: Partial<CustomRule>, field: string) => {
    if (!mayEdit) return
    const exists = findRule(draftStore.get()?.document ?? document, rule.key) !== undefined
    if (exists || blank === null) {
      draftStore.edit(t('rules.did_edit', { name: rule.name }), (now) => changeRule(now, rule.key, part), `${rule.key} ${field}`)
    } else {
      draftStore.edit(t('rules.did_add', { name: part.name ?? rule.name }), (now) => addRule(now, { ...blank, ...part }), `${rule.key} ${field}`)
      history.replaceState(null, '', `/rules/${encodeURIComponent(rule.key)}`)
    }
  }
  return { rule, document, mayEdit, problems, change }
}

function Editor({ rule, blank, document, back, matches }: { rule: CustomRule; blank: CustomRule | null; document: PolicyDocument; back: { to: string; label: string }; matches: ReactNode }) {
  const { checked } = useCheck(document)
  const editing = useEditing(rule, blank, document, checked)
  const { mayEdit } = editing
  const [deleting, setDeleting] = useState(false)
  const at = indexOfRule(document, rule.key)
  const findings = checked?.findings.filter((finding) => finding.rule !== null && fold(finding.rule) === fold(rule.name)) ?? []
  return (
    <Page
      title={blank !== null ? t('rules.newTitle') : t('rules.editTitle', { name: rule.name === '' ? t('rules.unnamed') : rule.name })}
      intro={mayEdit ? t('rules.doneHint') : undefined}
      back={back}
      narrow
      help={{ api: 'PUT /api/v1/rules/{id}', keys: ['[[rule]]', 'conditions', 'actions', 'final_action'] }}
      actions={
        <>
          {mayEdit && at >= 0 && (
            <>
              <Button icon="copy" onClick={() => copyInDraft(rule)}>
                {t('rules.copy')}
              </Button>
              <Button kind="danger" icon="trash" onClick={() => setDeleting(true)}>
                {t('rules.delete')}
              </Button>
            </>
          )}
          <ButtonLink to="/rules" kind="primary">
            {t('rules.done')}
          </ButtonLink>
        </>
      }
    >
      <ReadOnlyNote capability="edit_policy" />
      <RuleFindings findings={findings} />
      <fieldset className="stack" disabled={!mayEdit}>
        <General {...editing} at={at} autoFocus={blank !== null} />
        <Card title={t('rules.conditions')} intro={t('rules.conditionsHint')}>
          <ConditionList {...editing} />
        </Card>
        <Card title={t('rules.actions')} intro={t('rules.actionsHint')}>
          <ActionList {...editing} />
        </Card>
        <Card title={t('rules.final')}>
          <FinalActionField {...editing} />
        </Card>
      </fieldset>
      {matches}
      <DeleteDialog rule={deleting ? rule : null} onClose={() => setDeleting(false)} onDeleted={() => navigate('/rules')} />
    </Page>
  )
}

function RuleFindings({ findings }: { findings: readonly Finding[] }) {
  if (findings.length === 0) return null
  return (
    <Banner tone="warn" title={t('rules.lint')} live>
      <ul>
        {findings.map((finding, index) => (
          <li key={index} className="break">
            {finding.text} {finding.fix}
          </li>
        ))}
      </ul>
    </Banner>
  )
}

/** The sentence of a problem, for its field. */
export function problemOf(problems: readonly Problem[], pointer: string): string | null {
  const found = problems.filter((problem) => problem.pointer === pointer)
  return found.length === 0 ? null : found.map((problem) => [problem.detail, problem.remedy].filter(Boolean).join(' ')).join(' ')
}

function General({ rule, document, change, problems, at, autoFocus }: Editing & { at: number; autoFocus: boolean }) {
  const taken = rule.name.trim() !== '' && ruleNames(document).filter((name) => fold(name) === fold(rule.name)).length > 1
  const missing = at >= 0 && rule.name.trim() === '' ? t('rules.nameMissing') : null
  return (
    <Card title={t('rules.general')}>
      <div className="stack">
        <TextField
          label={t('rules.name')}
          hint={t('rules.nameHint')}
          value={rule.name}
          onValue={(name) => change({ name }, 'name')}
          error={taken ? t('rules.nameTaken') : (missing ?? problemOf(problems, '/name'))}
          autoFocus={autoFocus}
        />
        <TextAreaField label={t('rules.note')} hint={t('rules.noteHint')} optional rows={2} value={rule.note ?? ''} onValue={(note) => change({ note: note === '' ? null : note }, 'note')} error={problemOf(problems, '/note')} />
        <div className="row row-top switches">
          <Switch label={t('rules.active')} checked={rule.active} onChecked={(active) => change({ active }, 'active')} />
          <Switch label={t('rules.shadow')} hint={t('rules.shadowHint')} checked={rule.shadow} onChecked={(shadow) => change({ shadow }, 'shadow')} />
        </div>
        {at >= 0 && <p className="muted small">{t('rules.positionNow', { n: at + 1, total: document.rule.length })}</p>}
      </div>
    </Card>
  )
}

function FinalActionField({ rule, change, problems }: Editing) {
  return (
    <div className="stack">
      <div role="radiogroup" aria-label={t('rules.final')} className="choices">
        {FINAL_ACTIONS.map((final) => (
          <label key={final} className="choice">
            <input
              type="radio"
              name="final_action"
              value={final}
              checked={rule.final_action === final}
              aria-label={word('final', final)}
              aria-describedby={`final-${final}`}
              onChange={() => change({ final_action: final, reply: final === 'reject' ? rule.reply : null }, 'final')}
            />
            <span className="strong">{word('final', final)}</span>
            <span className="hint" id={`final-${final}`}>
              {t(`rules.finalHint_${final}`)}
            </span>
          </label>
        ))}
      </div>
      {rule.final_action === 'reject' && (
        <TextField label={t('rules.reply')} hint={t('rules.replyHint')} optional value={rule.reply ?? ''} onValue={(reply) => change({ reply: reply === '' ? null : reply }, 'reply')} error={problemOf(problems, '/reply')} />
      )}
    </div>
  )
}
