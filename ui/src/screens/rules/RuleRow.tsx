// One rule in the list. Names, values and notes are what administrators typed; they are drawn as text only.

import { useDraggable, useDroppable } from '@dnd-kit/core'
import { memo, useCallback, useRef, type KeyboardEvent } from 'react'
import type { Finding, RuleFacts } from '../../api/types'
import { Chip, Icon, Menu, Switch, type ChipTone, type MenuEntry } from '../../design'
import { isSystem, ruleName, type Rule } from '../../draft/types'
import { Time } from '../../lib/format'
import { t, wordOf } from '../../lib/i18n'
import { Link } from '../../lib/router'
import { Inert } from '../mail/Inert'
import { finalTone } from '../simulator/TraceView'
import { actionText, conditionText, directionOf, word } from './words'

/** What a row can have done. */
export interface RowCalls {
  move: (rule: Rule, to: number) => void
  askMove: (rule: Rule) => void
  askDelete: (rule: Rule) => void
  copy: (rule: Rule) => void
  toggle: (rule: Rule, what: 'active' | 'shadow', on: boolean) => void
  key: (rule: Rule, event: KeyboardEvent) => void
  leave: () => void
}

export interface RowProps {
  rule: Rule
  /** Its place among all rules, from 0. */
  at: number
  /** Its place among the rows that are shown. */
  index: number
  count: number
  total: number
  top: number
  measure: (element: HTMLElement | null) => void
  facts: RuleFacts | undefined
  findings: readonly Finding[]
  problems: number
  mayEdit: boolean
  mayDrag: boolean
  held: 'pointer' | 'keyboard' | null
  /** Where the line stands that shows where the rule in hand would go. */
  line: 'above' | 'below' | null
  help: string
  calls: RowCalls
}

export const RuleRow = memo(function RuleRow(props: RowProps) {
  const { rule, at, index, count, top, measure, held, line, mayEdit, calls } = props
  const { setNodeRef } = useDroppable({ id: rule.key })
  const element = useCallback(
    (node: HTMLLIElement | null) => {
      setNodeRef(node)
      measure(node)
    },
    [setNodeRef, measure],
  )
  const name = ruleName(rule)
  return (
    <li
      ref={element}
      data-index={index}
      className="rule"
      style={{ insetBlockStart: top }}
      aria-setsize={count}
      aria-posinset={index + 1}
      data-held={held ?? undefined}
      data-line={line ?? undefined}
      data-off={!rule.active || undefined}
      data-system={isSystem(rule) || undefined}
    >
      <div className="rule-card">
        <div className="rule-grip">{isSystem(rule) ? <span className="rule-lock" title={t('rules.systemLocked')}><Icon name="lock" /></span> : props.mayDrag && <Handle {...props} name={name} />}</div>
        <span className="rule-place nums" title={t('rules.position', { n: at + 1 })}>
          <span className="hidden-text">{t('rules.position', { n: at + 1 })}</span>
          <span aria-hidden="true">{at + 1}</span>
        </span>
        <RuleText {...props} name={name} />
        <div className="rule-side">
          <Chip tone={finalTone(finalOf(rule))}>{word('final', finalOf(rule))}</Chip>
          <HitCount facts={props.facts} shadow={!isSystem(rule) && rule.shadow} />
        </div>
        <div className="rule-switches">
          <Switch label={<SwitchLabel short={t('rules.active')} full={t('rules.activeFor', { name })} />} checked={rule.active} disabled={!mayEdit} onChecked={(on) => calls.toggle(rule, 'active', on)} />
          {!isSystem(rule) && (
            <Switch label={<SwitchLabel short={t('rules.shadow')} full={t('rules.shadowFor', { name })} />} checked={rule.shadow} disabled={!mayEdit} onChecked={(on) => calls.toggle(rule, 'shadow', on)} />
          )}
        </div>
        <div className="rule-menu">{!isSystem(rule) && mayEdit && <Menu label={t('rules.menu', { name })} entries={menuOf(props)} />}</div>
      </div>
    </li>
  )
})

/** The short word for the eye, the one with the rule's name for everybody else. */
function SwitchLabel({ short, full }: { short: string; full: string }) {
  return (
    <>
      <span aria-hidden="true">{short}</span>
      <span className="hidden-text">{full}</span>
    </>
  )
}

function finalOf(rule: Rule): string {
  if (!isSystem(rule)) return rule.final_action
  return rule.system === 'opportunistic_tls' ? 'none' : 'deliver'
}

function menuOf({ rule, at, total, calls }: RowProps): MenuEntry[] {
  return [
    { label: t('rules.edit'), icon: 'edit', to: `/rules/${encodeURIComponent(rule.key)}` },
    'separator',
    { label: t('rules.moveUp'), icon: 'up', onSelect: () => calls.move(rule, at - 1), why: at === 0 ? t('rules.position', { n: 1 }) : null },
    { label: t('rules.moveDown'), icon: 'down', onSelect: () => calls.move(rule, at + 1), why: at === total - 1 ? t('rules.position', { n: total }) : null },
    { label: t('rules.moveTop'), icon: 'top', onSelect: () => calls.move(rule, 0), why: at === 0 ? t('rules.position', { n: 1 }) : null },
    { label: t('rules.moveBottom'), icon: 'bottom', onSelect: () => calls.move(rule, total - 1), why: at === total - 1 ? t('rules.position', { n: total }) : null },
    { label: t('rules.moveTo'), icon: 'rules', onSelect: () => calls.askMove(rule) },
    'separator',
    { label: t('rules.copy'), icon: 'copy', onSelect: () => calls.copy(rule) },
    { label: t('rules.delete'), icon: 'trash', danger: true, onSelect: () => calls.askDelete(rule) },
  ]
}

function Handle({ rule, name, held, help, calls }: RowProps & { name: string }) {
  const { listeners, setNodeRef } = useDraggable({ id: rule.key })
  const button = useRef<HTMLButtonElement | null>(null)
  return (
    <button
      ref={(node) => {
        setNodeRef(node)
        button.current = node
      }}
      {...listeners}
      id={`handle-${rule.key}`}
      type="button"
      className="rule-handle"
      aria-label={t('rules.drag', { name })}
      aria-describedby={help}
      aria-pressed={held === 'keyboard'}
      title={t('rules.drag', { name })}
      onKeyDown={(event) => calls.key(rule, event)}
      onBlur={(event) => {
        // A row that moves in the list may lose the focus for a moment; only going elsewhere puts the rule back.
        if (event.relatedTarget !== null && event.relatedTarget !== button.current) calls.leave()
      }}
    >
      <Icon name="grip" />
    </button>
  )
}

function DirectionIcon({ rule }: { rule: Rule }) {
  const direction = directionOf(rule)
  const text = direction === null ? t('rules.directionBoth') : direction === 'inbound' ? t('rules.directionIn') : t('rules.directionOut')
  return (
    <span className="rule-direction" title={text}>
      {direction !== 'outbound' && <Icon name="inbound" />}
      {direction !== 'inbound' && <Icon name="outbound" />}
      <span className="hidden-text">{text}</span>
    </span>
  )
}

function RuleText({ rule, name, findings, problems }: RowProps & { name: string }) {
  return (
    <div className="rule-text">
      <div className="rule-name">
        <DirectionIcon rule={rule} />
        <Link to={`/rules/${encodeURIComponent(rule.key)}`} className="break strong">
          {name === '' ? t('rules.unnamed') : <Inert text={name} />}
        </Link>
        {isSystem(rule) && <Chip icon="lock">{t('rules.system')}</Chip>}
        {!rule.active && <Chip>{t('rules.off')}</Chip>}
        {!isSystem(rule) && rule.shadow && (
          <Chip tone="info" icon="eye" title={t('rules.shadowHint')}>
            {t('rules.shadow')}
          </Chip>
        )}
        {problems > 0 && (
          <Chip tone="bad" icon="error">
            {t('rules.errors', { n: problems })}
          </Chip>
        )}
        <Badges findings={findings} />
      </div>
      {isSystem(rule) ? (
        <p className="muted small">
          {t(`rules.system_${rule.system}`)} {t('rules.systemLocked')}
        </p>
      ) : (
        <>
          <p className="rule-line small" title={rule.conditions.map(conditionText).join(` ${t('rules.and')} `)}>
            {rule.conditions.length === 0 ? t('rules.noConditions') : <Inert text={rule.conditions.map(conditionText).join(` ${t('rules.and')} `)} />}
          </p>
          <p className="rule-line small muted">{rule.actions.length === 0 ? t('rules.noActions') : <Inert text={rule.actions.map(actionText).join('; ')} />}</p>
          {rule.note && (
            <p className="rule-line rule-note small muted">
              <Inert text={rule.note} />
            </p>
          )}
        </>
      )}
    </div>
  )
}

const TONES: Record<string, ChipTone> = { tls_downgrade: 'bad', unreachable: 'warn' }

/** Lint's words about a rule, the sentence behind each as its title. */
function Badges({ findings }: { findings: readonly Finding[] }) {
  return findings.map((finding, index) => (
    <Chip key={index} tone={TONES[finding.kind] ?? 'warn'} icon="warning" title={`${finding.text} ${finding.fix}`}>
      {wordOf(`rules.finding_${finding.kind}`, t('rules.finding_other'))}
    </Chip>
  ))
}

/** How often a rule matched; of a shadow rule, how often it would have acted. */
function HitCount({ facts, shadow }: { facts: RuleFacts | undefined; shadow: boolean }) {
  if (facts === undefined) return <span className="small muted">{t('rules.hitsNew')}</span>
  const hits = shadow ? facts.hits.shadow : facts.hits
  if (hits.total === 0) return <span className="small muted">{t('rules.hitsNone')}</span>
  return (
    <span className="small muted nums">
      {shadow && (
        <>
          {t('rules.hitsShadow')}
          <br />
        </>
      )}
      {t('rules.hits', { n: hits.last_24h })}
      <br />
      {t('rules.hitsTotal', { n: hits.total })}
      {hits.last_at !== null && (
        <>
          , <Time at={hits.last_at} ago />
        </>
      )}
    </span>
  )
}

/** What follows the pointer. */
export function RowGhost({ name, place, findings }: { name: string; place: number; findings: readonly Finding[] }) {
  return (
    <div className="rule-ghost">
      <Icon name="grip" />
      <span className="nums">{place}</span>
      <span className="strong break">
        <Inert text={name} />
      </span>
      <Badges findings={findings} />
    </div>
  )
}
