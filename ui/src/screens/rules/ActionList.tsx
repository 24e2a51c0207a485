// The Actions of a rule, in the order in which they are done.

import { useId } from 'react'
import type { Problem } from '../../api/types'
import { Button, Menu, SelectField, TextField } from '../../design'
import { ACTION_KINDS, blankAction, TLS_LEVELS } from '../../draft/conditions'
import type { Action, ActionKind } from '../../draft/types'
import { t } from '../../lib/i18n'
import { under } from './ConditionList'
import { focusEntry, replaced, useFresh, without } from './entries'
import { problemOf, type Editing } from './RuleScreen'
import { word } from './words'

export function ActionList({ rule, mayEdit, problems, change }: Editing) {
  const fresh = useFresh()
  const id = useId()
  const put = (actions: Action[], field: string) => change({ actions }, field)
  const add = (kind: ActionKind) => {
    const index = rule.actions.length
    fresh.added(index)
    put([...rule.actions, blankAction(kind)], 'actions add')
    focusEntry(`${id}${index}`)
  }
  return (
    <div className="stack stack-sm">
      {rule.actions.map((action, index) => (
        <fieldset key={index} id={`${id}${index}`} className="entry" onBlur={fresh.left(index)}>
          <legend className="hidden-text">{t('rules.actionN', { n: index + 1 })}</legend>
          <div className="entry-head">
            <ActionFields
              action={action}
              problems={fresh.isFresh(index) ? [] : under(problems, `/actions/${index}`)}
              onChange={(next, field) => put(replaced(rule.actions, index, next), `action ${index} ${field}`)}
            />
            {mayEdit && (
              <Button
                kind="quiet"
                small
                icon="trash"
                label={t('rules.removeAction', { n: index + 1 })}
                onClick={() => {
                  fresh.removed()
                  put(without(rule.actions, index), 'actions remove')
                }}
              />
            )}
          </div>
        </fieldset>
      ))}
      {mayEdit && (
        <div>
          <Menu
            label={t('rules.addAction')}
            align="start"
            small={false}
            className="add-entry"
            entries={ACTION_KINDS.map((kind) => ({ label: word('action', kind), onSelect: () => add(kind) }))}
          >
            + {t('rules.addAction')}
          </Menu>
        </div>
      )}
    </div>
  )
}

function ActionFields({ action, problems, onChange }: { action: Action; problems: readonly Problem[]; onChange: (next: Action, field: string) => void }) {
  const own = problemOf(problems, '')
  return (
    <div className="entry-fields grow">
      <SelectField
        label={t('rules.action')}
        value={action.action}
        onValue={(kind) => onChange(blankAction(kind as ActionKind), 'kind')}
        choices={ACTION_KINDS.map((kind) => ({ value: kind, label: word('action', kind) }))}
        error={problemOf(problems, '/action')}
      />
      {action.action === 'add_message_header' && (
        <TextField
          label={t('rules.headerLine')}
          hint={t('rules.headerLineHint')}
          value={action.value}
          onValue={(value) => onChange({ ...action, value }, 'value')}
          error={problemOf(problems, '/value') ?? own}
        />
      )}
      {action.action === 'remove_message_header' && (
        <TextField label={t('rules.headerName')} value={action.name} onValue={(name) => onChange({ ...action, name }, 'name')} error={problemOf(problems, '/name') ?? own} />
      )}
      {action.action === 'set_tls_level' && <LevelField value={action.value} onValue={(value) => onChange({ ...action, value }, 'value')} error={problemOf(problems, '/value') ?? own} />}
    </div>
  )
}

function LevelField({ value, onValue, error }: { value: string; onValue: (value: string) => void; error: string | null }) {
  const known = TLS_LEVELS.find((level) => level === value.trim().toLowerCase())
  const choices = [...TLS_LEVELS.map((level) => ({ value: level as string, label: t(`rules.level_${level}`) })), ...(known === undefined ? [{ value, label: value }] : [])]
  return <SelectField label={t('rules.level')} value={known ?? value} onValue={onValue} choices={choices} error={error} />
}
