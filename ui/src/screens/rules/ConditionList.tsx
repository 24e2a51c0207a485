// The Conditions of a rule. Each offers only the match types and operands that it takes.

import { Fragment, useId, useState } from 'react'
import type { Problem } from '../../api/types'
import { Button, Checkbox, Menu, SelectField, TextAreaField, TextField } from '../../design'
import { blankCondition, CONDITION_KINDS, dataKinds, fitting, matchTypes, operandKinds, operandOf, takesSeveral, valueOf, valueText, withOperand, type OperandKind } from '../../draft/conditions'
import { findDataNamed } from '../../draft/document'
import { problemUnder } from '../../draft/problems'
import type { Condition, ConditionKind, MatchType, PolicyDocument } from '../../draft/types'
import { t } from '../../lib/i18n'
import { Link } from '../../lib/router'
import { focusEntry, replaced, useFresh, without } from './entries'
import { NewListDialog } from './NewListDialog'
import { problemOf, type Editing } from './RuleScreen'
import { word } from './words'

export function ConditionList({ rule, document, mayEdit, problems, change }: Editing) {
  const fresh = useFresh()
  const id = useId()
  const put = (conditions: Condition[], field: string) => change({ conditions }, field)
  const add = (kind: ConditionKind) => {
    const index = rule.conditions.length
    fresh.added(index)
    put([...rule.conditions, blankCondition(kind)], 'conditions add')
    focusEntry(`${id}${index}`)
  }
  return (
    <div className="stack stack-sm">
      {rule.conditions.map((condition, index) => (
        <Fragment key={index}>
          {index > 0 && <p className="and">{t('rules.and')}</p>}
          <fieldset id={`${id}${index}`} className="entry" onBlur={fresh.left(index)}>
            <legend className="hidden-text">{t('rules.conditionN', { n: index + 1 })}</legend>
            <ConditionFields
              condition={condition}
              document={document}
              problems={fresh.isFresh(index) ? [] : under(problems, `/conditions/${index}`)}
              onChange={(next, field) => put(replaced(rule.conditions, index, next), `condition ${index} ${field}`)}
              remove={
                mayEdit && (
                  <Button
                    kind="quiet"
                    small
                    icon="trash"
                    label={t('rules.removeCondition', { n: index + 1 })}
                    onClick={() => {
                      fresh.removed()
                      put(without(rule.conditions, index), 'conditions remove')
                    }}
                  />
                )
              }
            />
          </fieldset>
        </Fragment>
      ))}
      {mayEdit && (
        <div>
          <Menu
            label={t('rules.addCondition')}
            align="start"
            small={false}
            className="add-entry"
            entries={CONDITION_KINDS.map((kind) => ({ label: word('condition', kind), onSelect: () => add(kind) }))}
          >
            + {t('rules.addCondition')}
          </Menu>
        </div>
      )}
    </div>
  )
}

/** The problems below a pointer, with pointers from there on. */
export function under(problems: readonly Problem[], pointer: string): Problem[] {
  return problems
    .filter((problem) => problem.pointer === pointer || problem.pointer.startsWith(`${pointer}/`))
    .map((problem) => ({ ...problem, pointer: problem.pointer.slice(pointer.length) }))
}

interface FieldsProps {
  condition: Condition
  document: PolicyDocument
  problems: readonly Problem[]
  onChange: (next: Condition, field: string) => void
  remove: React.ReactNode
}

function ConditionFields({ condition, document, problems, onChange, remove }: FieldsProps) {
  const matches = matchTypes(condition)
  const operands = operandKinds(condition)
  const operand = operandOf(condition)
  const select = (kind: string) => onChange(fitting({ ...condition, condition: kind as ConditionKind, name: kind === 'header' ? '' : null }), 'kind')
  return (
    <>
      <div className="entry-head">
        <div className="entry-fields grow">
          <SelectField label={t('rules.condition')} value={condition.condition} onValue={select} choices={CONDITION_KINDS.map((kind) => ({ value: kind, label: word('condition', kind) }))} />
          {condition.condition === 'header' && <HeaderName condition={condition} onChange={onChange} error={problemOf(problems, '/name')} />}
          <SelectField
            label={t('rules.match')}
            value={condition.match}
            onValue={(match) => onChange(fitting({ ...condition, match: match as MatchType }), 'match')}
            choices={matches.map((match) => ({ value: match, label: word('match', match) }))}
            error={problemOf(problems, '/match')}
          />
          {operands.length > 1 && (
            <SelectField
              label={t('rules.operand')}
              value={operand}
              onValue={(next) => onChange(withOperand(condition, next as OperandKind), 'operand')}
              choices={operands.map((kind) => ({ value: kind, label: t(`rules.operand_${kind}`) }))}
            />
          )}
          <Operand condition={condition} document={document} problems={problems} onChange={onChange} />
        </div>
        {remove}
      </div>
    </>
  )
}

function HeaderName({ condition, onChange, error }: { condition: Condition; onChange: FieldsProps['onChange']; error: string | null }) {
  const any = condition.name === null || condition.name === undefined
  return (
    <div className="stack stack-sm">
      {!any && <TextField label={t('rules.headerName')} value={condition.name ?? ''} onValue={(name) => onChange({ ...condition, name }, 'name')} error={error} />}
      <Checkbox label={t('rules.headerAny')} hint={any ? t('rules.headerAnyHint') : undefined} checked={any} onChecked={(on) => onChange(fitting({ ...condition, name: on ? null : '' }), 'any')} />
    </div>
  )
}

function Operand({ condition, document, problems, onChange }: Omit<FieldsProps, 'remove'>) {
  const own = problemOf(problems, '')
  switch (operandOf(condition)) {
    case 'nothing':
      return own === null ? null : <p className="field-error">{own}</p>
    case 'regex':
      return <TextField label={t('rules.regex')} className="entry-wide" value={condition.regex ?? ''} onValue={(regex) => onChange({ ...condition, regex }, 'regex')} error={problemOf(problems, '/regex') ?? own} />
    case 'rule_data':
      return <DataField condition={condition} document={document} error={problemOf(problems, '/rule_data') ?? own} onChange={onChange} />
    case 'value':
      return <ValueField condition={condition} error={problemUnder(problems, '/value') === null ? own : valueError(problems)} onChange={onChange} />
  }
}

function valueError(problems: readonly Problem[]): string {
  return problems
    .filter((problem) => problem.pointer === '/value' || problem.pointer.startsWith('/value/'))
    .map((problem) => [problem.detail, problem.remedy].filter(Boolean).join(' '))
    .join(' ')
}

function ValueField({ condition, error, onChange }: { condition: Condition; error: string | null; onChange: FieldsProps['onChange'] }) {
  const text = valueText(condition.value)
  const set = (typed: string) => onChange({ ...condition, value: valueOf(condition, typed) }, 'value')
  if (condition.condition === 'direction') {
    const known = text === 'inbound' || text === 'outbound'
    const choices = [
      { value: 'outbound', label: t('rules.outbound') },
      { value: 'inbound', label: t('rules.inbound') },
      ...(known ? [] : [{ value: text, label: text }]),
    ]
    return <SelectField label={t('rules.value')} value={text} onValue={set} choices={choices} error={error} />
  }
  if (condition.condition === 'recipient_count') return <TextField label={t('rules.count')} inputMode="numeric" value={text} onValue={set} error={error} />
  if (condition.condition === 'size') return <TextField label={t('rules.size')} hint={t('rules.sizeHint')} value={text} onValue={set} error={error} />
  if (!takesSeveral(condition)) return <TextField label={t('rules.value')} value={text} onValue={set} error={error} />
  return <TextAreaField label={t('rules.values')} className="entry-wide" rows={Math.min(8, Math.max(2, text.split('\n').length))} spellCheck={false} value={text} onValue={set} error={error} />
}

const NEW = '\u0000new'

function DataField({ condition, document, error, onChange }: { condition: Condition; document: PolicyDocument; error: string | null; onChange: FieldsProps['onChange'] }) {
  const [adding, setAdding] = useState(false)
  const kinds = dataKinds(condition)
  const fit = document.rule_data.filter((set) => kinds.includes(set.kind))
  const named = condition.rule_data ?? ''
  const found = named === '' ? undefined : findDataNamed(document, named)
  const listed = found !== undefined && fit.includes(found)
  const choices = [
    { value: '', label: t('rules.chooseData') },
    ...fit.map((set) => ({ value: set.name, label: set.name })),
    ...(named !== '' && !listed ? [{ value: named, label: found === undefined ? t('rules.missingData', { name: named }) : named }] : []),
    { value: NEW, label: t('rules.newList') },
  ]
  return (
    <div className="stack stack-sm">
      <SelectField
        label={t('rules.ruleData')}
        value={listed ? found.name : named}
        onValue={(value) => (value === NEW ? setAdding(true) : onChange({ ...condition, rule_data: value }, 'rule_data'))}
        choices={choices}
        error={error}
      />
      {found !== undefined && (
        <Link to={`/rule-data/${encodeURIComponent(found.key)}`} className="small break">
          {t('rules.openList', { name: found.name })}
        </Link>
      )}
      {adding && (
        <NewListDialog
          document={document}
          kinds={kinds}
          onClose={() => setAdding(false)}
          onAdded={(name) => {
            setAdding(false)
            onChange({ ...condition, rule_data: name }, 'rule_data')
          }}
        />
      )}
    </div>
  )
}
