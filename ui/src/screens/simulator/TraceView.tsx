// A trace, drawn: for each recipient what came of it first, then every rule that was tried, what each Condition
// wanted and saw, and what the rule did. The simulator shows it for a message that might come, Message history
// for one that came. All of it is text of others and stays text.

import { useState } from 'react'
import type { ConditionTrace, DecidedBy, RecipientTrace, StepTrace, Trace } from '../../api/types'
import { Card, Checkbox, Chip, Facts, Icon, Banner, Table, type ChipTone } from '../../design'
import { t, wordOf, type Key } from '../../lib/i18n'
import { LevelChip } from '../mail/chips'
import { Inert } from '../mail/Inert'
import { RuleLink } from '../rules/RuleLink'
import { actionText, word } from '../rules/words'
import { endingStep, shown } from './trace'
import './simulator.css'

/** The colour and icon of a Final Action; its word always stands beside. */
export function finalTone(final: string): ChipTone {
  if (final === 'deliver') return 'ok'
  if (final === 'none') return 'quiet'
  return final === 'reject' || final === 'delete' ? 'bad' : 'warn'
}

function FinalChip({ final }: { final: string }) {
  return <Chip tone={finalTone(final)}>{word('final', final)}</Chip>
}

export function TraceView({ trace }: { trace: Trace }) {
  const [all, setAll] = useState(false)
  return (
    <div className="stack">
      <Checkbox label={t('simulator.showAll')} checked={all} onChecked={setAll} />
      {trace.recipients.map((recipient, index) => (
        <RecipientView key={index} trace={recipient} all={all} />
      ))}
      {trace.not_done.length > 0 && (
        <Banner tone="warn" title={t('simulator.notDone', { n: trace.not_done.length })}>
          <Inert text={trace.not_done.join(', ')} />
        </Banner>
      )}
    </div>
  )
}

function RecipientView({ trace, all }: { trace: RecipientTrace; all: boolean }) {
  const ending = endingStep(trace)
  const steps = all ? trace.steps : trace.steps.filter((step) => step.matched)
  return (
    <Card title={trace.recipient}>
      <div className="stack">
        <div className="row">
          <Chip icon={trace.direction === 'inbound' ? 'inbound' : 'outbound'}>{word('direction', trace.direction)}</Chip>
          <FinalChip final={trace.final_action} />
          <LevelChip level={trace.tls.level} />
        </div>
        {trace.warnings.length > 0 && (
          <Banner tone="warn" title={t('simulator.warnings')}>
            <ul>
              {trace.warnings.map((warning, index) => (
                <li key={index} className="break">
                  <Inert text={warning} />
                </li>
              ))}
            </ul>
          </Banner>
        )}
        <Facts
          rows={[
            [t('simulator.tls'), <TlsDecision key="tls" level={trace.tls.level} by={trace.tls.decided_by} />],
            [t('rules.final'), ending === null ? word('final', trace.final_action) : <Inert key="final" text={`${word('final', trace.final_action)} (${ending.rule})`} />],
            [t('simulator.headersAfter'), <HeaderLines key="headers" lines={trace.headers} />],
          ]}
        />
        <h3>{t('simulator.steps', { n: trace.steps.length })}</h3>
        <ol className="trace-steps plain">
          {steps.map((step, index) => (
            <StepView key={index} step={step} ends={step === ending} final={trace.final_action} />
          ))}
        </ol>
      </div>
    </Card>
  )
}

/** What TLS a message demands, and who decided so, in a sentence. */
function TlsDecision({ level, by }: { level: string; by: DecidedBy }) {
  return (
    <span className="break">
      <strong>{level}</strong> <Inert text={decidedText(by)} />. {wordOf(`simulator.levelText_${level}`, '')}
    </span>
  )
}

/** Who decided on a level. */
function decidedText(by: DecidedBy): string {
  const named: [Key, string | null | undefined][] = [
    ['simulator.decidedException', by.exception],
    ['simulator.decidedPolicy', by.tls_policy],
    ['simulator.decidedPublished', by.published],
    ['simulator.decidedLogin', by.login],
    ['simulator.decidedRoute', by.route],
    ['simulator.decidedRule', by.rule],
    ['simulator.decidedHeader', by.header],
  ]
  for (const [key, name] of named) {
    if (name !== null && name !== undefined) return t(key, { name })
  }
  return t('simulator.decidedDefault')
}

function HeaderLines({ lines }: { lines: readonly string[] }) {
  if (lines.length === 0) return <span className="muted">{t('simulator.noHeaders')}</span>
  return (
    <pre className="trace-headers">
      <Inert text={lines.join('\n')} lines />
    </pre>
  )
}

function StepView({ step, ends, final }: { step: StepTrace; ends: boolean; final: string }) {
  return (
    <li className="trace-step" data-matched={step.matched}>
      <div className="row row-between">
        <span className="strong break">
          <RuleLink name={step.rule} />
        </span>
        <span className="row">
          {ends && <Chip tone={finalTone(final)}>{`${t('simulator.endsWalk')}: ${word('final', final)}`}</Chip>}
          <Chip tone={step.matched ? 'ok' : 'quiet'} icon={step.matched ? 'check' : 'close'}>
            {step.matched ? t('simulator.matched') : t('simulator.notMatched')}
          </Chip>
        </span>
      </div>
      {step.conditions.length === 0 ? (
        <p className="muted small">{t('simulator.always')}</p>
      ) : (
        <Table
          caption={t('simulator.conditions', { rule: step.rule })}
          rows={step.conditions}
          rowKey={(_, index) => String(index)}
          columns={[
            { key: 'condition', head: t('rules.condition'), names: true, cell: (row) => `${word('condition', row.condition)} ${word('match', row.match)}` },
            { key: 'wanted', head: t('simulator.wanted'), cell: (row) => <ValueText value={row.wanted} condition={row.condition} /> },
            { key: 'seen', head: t('simulator.seen'), cell: (row) => <ValueText value={row.seen} condition={row.condition} nothing={t('simulator.seenNothing')} /> },
            { key: 'verdict', head: t('simulator.verdict'), fit: true, cell: (row) => <Verdict holds={row.holds} /> },
          ]}
        />
      )}
      {step.matched && (
        <p className="small break">
          <span className="muted">{t('simulator.did')}: </span>
          {step.actions.length === 0 ? t('simulator.didNothing') : <Inert text={step.actions.map(actionText).join('; ')} />}
        </p>
      )}
    </li>
  )
}

function ValueText({ value, condition, nothing = '–' }: { value: unknown; condition: string; nothing?: string }) {
  if (value === null || value === undefined) return <span className="muted">{nothing}</span>
  const text = shown(value, nothing)
  return <span className="trace-value">{condition === 'direction' ? word('direction', text) : <Inert text={text} lines />}</span>
}

function Verdict({ holds }: { holds: ConditionTrace['holds'] }) {
  const tone = holds === null ? 'warn' : holds ? 'ok' : 'quiet'
  return (
    <span className={`trace-verdict trace-verdict-${tone}`}>
      <Icon name={holds === null ? 'help' : holds ? 'check' : 'close'} />
      {holds === null ? t('simulator.unknown') : holds ? t('simulator.holds') : t('simulator.holdsNot')}
    </span>
  )
}
