/**
 * The policy document as `GET /policy` gives it and `PUT /policy` takes it.
 *
 * The keys are those of the policy file. In a draft every rule and every set also
 * has a `key`: a name of its own that survives renaming, made by `adopt` and taken
 * off again by `wire`. It never reaches the gateway.
 */

import type { Action, Told, WireCondition, WireDomain, WirePolicy, WireRoute, WireRule, WireRuleData, WireSmartHost, WireSource, WireTlsPolicy } from '../api/types'

export type { Action }

/** A rule that ships with the product. Their order among themselves never changes. */
export type SystemRuleWord = 'opportunistic_tls' | 'deliver_inbound' | 'deliver_outbound'

/** Every System Rule, in the order that they keep. */
export const SYSTEM_RULES: readonly SystemRuleWord[] = ['opportunistic_tls', 'deliver_inbound', 'deliver_outbound']

export type ConditionKind =
  | 'direction'
  | 'sender'
  | 'recipient'
  | 'recipient_count'
  | 'subject'
  | 'header'
  | 'size'
  | 'connection_ip'
  | 'own_domain'

export type MatchType = 'matches' | 'does_not_match' | 'greater_than' | 'less_than' | 'exists' | 'does_not_exist'

export type Literal = string | number | (string | number)[]

/** A Condition: compared with exactly one of `value`, `regex` and `rule_data`, or with nothing. */
export type Condition = Told<WireCondition, { condition: ConditionKind; match: MatchType; value?: Literal | null }>

export type ActionKind = Action['action']

export type FinalAction = 'none' | 'deliver' | 'quarantine' | 'quarantine_company' | 'delete' | 'reject'

/** Every Final Action, in the order in which they are offered. */
export const FINAL_ACTIONS: readonly FinalAction[] = [
  'none',
  'deliver',
  'quarantine',
  'quarantine_company',
  'delete',
  'reject',
]

/** What an entry of a draft has besides. */
interface Keyed {
  key: string
}

/** A Message Rule that an administrator made. */
export type CustomRule = Keyed &
  Told<
    Omit<WireRule, 'system'>,
    { name: string; active: boolean; shadow: boolean; conditions: Condition[]; actions: Action[]; final_action: FinalAction }
  >

/** A System Rule where it stands: it can be switched off and nothing else. */
export type SystemRule = Keyed & Told<Pick<WireRule, 'system' | 'active'>, { system: SystemRuleWord; active: boolean }>

export type Rule = CustomRule | SystemRule

export type DataKind = 'domains' | 'text' | 'regex' | 'networks'

/** Every kind of set, in the order in which they are offered. */
export const DATA_KINDS: readonly DataKind[] = ['domains', 'text', 'regex', 'networks']

/** A set of Custom Rule Data: one value a line, or one an element. */
export type RuleData = Keyed & Told<WireRuleData, { kind: DataKind }>

/** The gateway writes the keys of what has a usual value out. */
export type Route = Told<WireRoute, { port: number; weight: number; tls: string }>

export type Domain = Told<WireDomain, { routes: Route[] }>

export type OutboundSource = WireSource

export type SmartHost = Told<WireSmartHost, { port: number; tls: string; implicit_tls: boolean }>

export type TlsPolicy = WireTlsPolicy

/** The whole policy. Keys that this console does not know are carried along unchanged. */
export type PolicyDocument = Told<
  WirePolicy,
  {
    domain: Domain[]
    outbound_source: OutboundSource[]
    smart_host: SmartHost[]
    rule_data: RuleData[]
    tls_policy: TlsPolicy[]
    rule: Rule[]
  }
>

/** The parts of the document that are lists, and how a change names them. */
export type Area = keyof PolicyDocument

/** Whether a rule is a System Rule. */
export function isSystem(rule: Rule): rule is SystemRule {
  return 'system' in rule && typeof rule.system === 'string'
}

/** The names that people see. They are the same in every language, as traces and evidence use them. */
export const SYSTEM_RULE_NAMES: Record<SystemRuleWord, string> = {
  opportunistic_tls: 'Opportunistic TLS',
  deliver_inbound: 'Deliver Inbound',
  deliver_outbound: 'Deliver Outbound',
}

/** The name of a rule as the trace, the journal and lint say it. */
export function ruleName(rule: Rule): string {
  return isSystem(rule) ? SYSTEM_RULE_NAMES[rule.system] : rule.name
}
