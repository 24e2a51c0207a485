/**
 * A difference between two policies, as the gateway tells it: what changed, in words,
 * and the same as a text. Review, Changes and a conflict show it alike.
 */

import type { DiffChange } from '../api/types'
import { Chip, type ChipTone } from '../design'
import { t, wordOf, type Key } from '../lib/i18n'
import { Inert } from '../screens/mail/Inert'
import { actionText, conditionText, word } from '../screens/rules/words'
import { same } from './document'
import type { Action, Condition } from './types'
import './draft.css'

/** How many lines of a field are shown before the rest is counted. */
const LINES_SHOWN = 20

const TONES: Record<DiffChange['change'], ChipTone> = { added: 'ok', removed: 'bad', changed: 'info', moved: 'quiet' }
const SIGNS: Record<DiffChange['change'], string> = { added: '+', removed: '−', changed: '±', moved: '↕' }

/** The thing that changed, by its kind and name. */
export function areaText(area: string, name: string): string {
  return wordOf(`draft.area_${area}`, t('draft.area_other', { area, name }), { name })
}

function sentence(change: DiffChange): string {
  const what = areaText(change.area, change.name)
  switch (change.change) {
    case 'added':
      return change.area === 'rule' && change.to_position !== null ? t('draft.addedAt', { what, position: change.to_position }) : t('draft.added', { what })
    case 'removed':
      return t('draft.removed', { what })
    case 'changed':
      return t('draft.changed', { what })
    case 'moved':
      return change.from_position !== null && change.to_position !== null
        ? t('draft.moved', { what, from: change.from_position, to: change.to_position })
        : t('draft.movedOnly', { what })
  }
}

export function ChangeList({ changes }: { changes: readonly DiffChange[] }) {
  return (
    <ul className="plain diff-changes">
      {changes.map((change, index) => (
        <li key={index} className="diff-change">
          <Chip tone={TONES[change.change]}>{SIGNS[change.change]}</Chip>
          <div className="stack stack-sm">
            <span className="break">
              <Inert text={sentence(change)} />
            </span>
            {change.change === 'changed' && <FieldChanges change={change} />}
          </div>
        </li>
      ))}
    </ul>
  )
}

/** An entry by its fields, in people's words. Fields that another entry has differently are marked. */
export function EntryText({ value, other }: { value: unknown; other?: unknown }) {
  if (!isFields(value)) return <pre className="small">{JSON.stringify(value, null, 2)}</pre>
  const differs = (name: string): boolean => isFields(other) && !same(value[name], other[name])
  return (
    <dl className="small diff-entry">
      {Object.entries(value).map(([name, field]) => {
        if (isFields(field)) {
          return (
            <div key={name}>
              <dt className="strong">
                <Inert text={fieldName(name)} />
              </dt>
              <dd className="diff-nested">
                <EntryText value={field} />
              </dd>
            </div>
          )
        }
        const lines = fieldLines(name, field)
        return lines.length === 0 ? null : (
          <div key={name}>
            <dt className="muted">
              {fieldName(name)}
              {differs(name) && ` (${t('draft.differs')})`}
            </dt>
            <dd className="break" data-differs={differs(name) || undefined}>
              {lines.slice(0, LINES_SHOWN).map((line, index) => (
                <div key={index}>
                  <Inert text={line} />
                </div>
              ))}
              {lines.length > LINES_SHOWN && <div className="muted">{t('data.andMore', { n: lines.length - LINES_SHOWN })}</div>}
            </dd>
          </div>
        )
      })}
    </dl>
  )
}

type Fields = Record<string, unknown>

function FieldChanges({ change: { before, after, values } }: { change: DiffChange }) {
  if (!isFields(before) || !isFields(after)) return null
  const apart = values !== null && values !== undefined
  const names = [...new Set([...Object.keys(before), ...Object.keys(after)])].filter((name) => !same(before[name], after[name]) && !(apart && name === 'values'))
  return (
    <ul className="plain small diff-fields">
      {names.map((name) => (
        <li key={name}>
          <FieldChange name={name} before={before[name]} after={after[name]} />
        </li>
      ))}
      {apart && (
        <li>
          <span className="muted">{fieldName('values')}</span>
          <DiffLines sign="-" lines={values.first_removed} total={values.removed} word={t('draft.before')} />
          <DiffLines sign="+" lines={values.first_added} total={values.added} word={t('draft.after')} />
        </li>
      )}
    </ul>
  )
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function FieldChange({ name, before, after }: { name: string; before: unknown; after: unknown }) {
  const [was, is] = [fieldLines(name, before), fieldLines(name, after)]
  const gone = was.filter((line) => !is.includes(line))
  const come = is.filter((line) => !was.includes(line))
  return (
    <>
      <span className="muted">{fieldName(name)}</span>
      <DiffLines sign="-" lines={gone} word={t('draft.before')} />
      <DiffLines sign="+" lines={come} word={t('draft.after')} />
    </>
  )
}

function DiffLines({ sign, lines, total = lines.length, word: said }: { sign: '-' | '+'; lines: readonly string[]; total?: number; word: string }) {
  const shown = Math.min(lines.length, LINES_SHOWN)
  return (
    <>
      {lines.slice(0, LINES_SHOWN).map((line, index) => (
        <div key={index} className={sign === '+' ? 'diff-come' : 'diff-gone'}>
          <span aria-hidden="true">{sign === '+' ? '+ ' : '− '}</span>
          <span className="hidden-text">{said}: </span>
          <Inert text={line} />
        </div>
      ))}
      {total > shown && <div className="muted">{t('data.andMore', { n: total - shown })}</div>}
    </>
  )
}

const FIELD_NAMES: Record<string, Key> = {
  name: 'rules.name',
  note: 'rules.note',
  active: 'rules.active',
  shadow: 'rules.shadow',
  conditions: 'rules.conditions',
  actions: 'rules.actions',
  final_action: 'rules.final',
  reply: 'rules.reply',
  kind: 'data.kind',
  values: 'data.count',
}

function fieldName(name: string): string {
  const key = Object.hasOwn(FIELD_NAMES, name) ? FIELD_NAMES[name] : undefined
  return key === undefined ? name : t(key)
}

/** A field's value in lines, in people's words where there are such. */
function fieldLines(name: string, value: unknown): string[] {
  if (value === null || value === undefined) return []
  if (typeof value === 'boolean') return [value ? t('common.yes') : t('common.no')]
  if (name === 'conditions' && Array.isArray(value)) return (value as Condition[]).map(conditionText)
  if (name === 'actions' && Array.isArray(value)) return (value as Action[]).map(actionText)
  if (name === 'final_action' && typeof value === 'string') return [word('final', value)]
  if (typeof value === 'string') return value.split('\n').filter((line) => line.trim() !== '')
  if (Array.isArray(value)) return value.map((item) => (typeof item === 'string' ? item : JSON.stringify(item)))
  return [JSON.stringify(value)]
}

/** Lines of a unified diff, coloured; their first sign says the same. */
export function DiffText({ text }: { text: string }) {
  if (text.trim() === '') return <p className="muted">{t('draft.noText')}</p>
  return (
    <pre className="diff-text" tabIndex={0} aria-label={t('draft.asText')}>
      {text.replace(/\n$/, '').split('\n').map((line, index) => (
        <span key={index} className={lineClass(line)}>
          {line === '' ? ' ' : <Inert text={line.replaceAll('\t', '    ')} />}
          {'\n'}
        </span>
      ))}
    </pre>
  )
}

function lineClass(line: string): string {
  if (line.startsWith('+++') || line.startsWith('---') || line.startsWith('@@')) return 'diff-head'
  if (line.startsWith('+')) return 'diff-come'
  return line.startsWith('-') ? 'diff-gone' : ''
}
