/**
 * The policy document as `GET /policy` gives it and `PUT /policy` takes it.
 *
 * The keys are those of the policy file. In a draft every rule and every set also
 * has a `key`: a name of its own that survives renaming, made by `adopt` and taken
 * off again by `wire`. It never reaches the gateway.
 */

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
export interface Condition {
  condition: ConditionKind
  match: MatchType
  /** The header field's name, for `header` only. */
  name?: string | null
  value?: Literal | null
  regex?: string | null
  /** The name of a set of Custom Rule Data. */
  rule_data?: string | null
}

export type Action =
  | { action: 'add_message_header'; value: string }
  | { action: 'remove_message_header'; name: string }
  | { action: 'set_tls_level'; value: string }

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

/** A Message Rule that an administrator made. */
export interface CustomRule {
  key: string
  name: string
  note?: string | null
  active: boolean
  shadow: boolean
  conditions: Condition[]
  actions: Action[]
  final_action: FinalAction
  /** What the sender is told, with `reject`. */
  reply?: string | null
}

/** A System Rule where it stands: it can be switched off and nothing else. */
export interface SystemRule {
  key: string
  system: SystemRuleWord
  active: boolean
}

export type Rule = CustomRule | SystemRule

export type DataKind = 'domains' | 'text' | 'regex' | 'networks'

/** Every kind of set, in the order in which they are offered. */
export const DATA_KINDS: readonly DataKind[] = ['domains', 'text', 'regex', 'networks']

/** A set of Custom Rule Data: one value a line, or one an element. */
export interface RuleData {
  key: string
  name: string
  note?: string | null
  kind: DataKind
  values: string | string[]
}

export interface Route {
  host: string
  port: number
  weight: number
  tls: string
}

export interface Domain {
  name: string
  routes: Route[]
}

export interface OutboundSource {
  network: string
}

export interface SmartHost {
  domains: string[]
  host: string
  port: number
  tls: string
  implicit_tls: boolean
  username?: string | null
  password_file?: string | null
}

export interface TlsPolicy {
  domains: string[]
  level: string
  until?: string | null
}

/** The whole policy. Keys that this console does not know are carried along unchanged. */
export interface PolicyDocument {
  domain: Domain[]
  outbound_source: OutboundSource[]
  smart_host: SmartHost[]
  rule_data: RuleData[]
  tls_policy: TlsPolicy[]
  rule: Rule[]
}

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
