// The shapes of the API, by the names that the console has for them. All of them are made from `schema.d.ts`, which
// is generated from docs/openapi.json, so that a change of the API that the console does not follow fails to compile.
// Two things are said here that the document does not say: an answer has every key, with null where there is
// nothing; and which words and objects stand where the document says no more than "a string" or "an object". `Told`
// takes such a narrower word only for a key that the document has, and only where it fits what the document says.

import type { components, paths } from './schema'

type Schemas = components['schemas']

/** An answer: the keys that the document calls optional are there, and null where there is nothing. An Action stays
 * as the policy has it, with the keys that belong to its word. */
type Whole<T> = T extends Schemas['Action'] ? T : T extends readonly (infer E)[] ? Whole<E>[] : T extends object ? { [K in keyof T]-?: Whole<Exclude<T[K], undefined>> } : T

/** What may stand in place of a type of the document: itself or narrower; any object, where it says "an object". */
type Narrower<T> = T extends Record<string, never> ? object : T extends readonly (infer E)[] ? readonly Narrower<E>[] : T

/** A type of the document with some keys told more closely. */
export type Told<T, N extends { [K in keyof N]: K extends keyof T ? Narrower<T[K]> : never }> = Omit<T, keyof N> & N

/** One page, as every list of the API gives it. */
export type PageOf<T> = Omit<Whole<Schemas['Page_UserShape']>, 'items'> & { items: T[] }

type Method = 'get' | 'put' | 'post' | 'delete'
/** A path of the API below /api/v1 that takes one of these methods, with anything where the document has a parameter. */
export type ApiPath<M extends Method = Method> = { [P in keyof paths]: P extends `/api/v1${infer Rest}` ? ({ [K in M]: paths[P][K] extends object ? Filled<Rest> : never }[M]) : never }[keyof paths]
type Filled<P extends string> = P extends `${infer Before}{${string}}${infer After}` ? `${Before}${string}${Filled<After>}` : P

// People

/** What somebody may do; a role is a set of these. */
export type Capability = 'read' | 'edit_policy' | 'operate_queue' | 'probe' | 'read_content' | 'read_audit' | 'export_evidence' | 'manage_access' | 'own'

export type Role = Schemas['RoleWord']

/** Who is signed in. */
export type SessionUser = Told<Whole<Schemas['Myself']>, { capabilities: Capability[] }>

/** `GET /session`. */
export type Session = Told<Whole<Schemas['SessionState']>, { user: SessionUser | null }>

export type Credentials = Schemas['Credentials']
export type FirstOwner = Schemas['FirstOwner']

/** An account: a person, or a program that submits mail with AUTH. */
export type User = Whole<Schemas['UserShape']>
export type UserDraft = Schemas['UserDraft']
export type UserEdit = Schemas['UserEdit']

/** A session of the console, one's own or somebody's. */
export type SessionInfo = Whole<Schemas['SessionShape']>

/** A token of the API. */
export type ApiToken = Whole<Schemas['TokenShape']>
/** A token that was just made; the token itself is told this once. */
export type MadeToken = Whole<Schemas['MadeToken']>
export type TokenDraft = Schemas['TokenDraft']

export type TotpOffer = Schemas['TotpOffer']
export type TotpCode = Schemas['Code']
export type RecoveryCodes = Schemas['RecoveryCodes']
export type OwnPassword = Schemas['Password']
export type NewPassword = Schemas['NewPassword']

// The policy

/** The policy as it goes over the wire; every list may be left out. */
export type WirePolicy = Schemas['Policy']
export type WireCondition = Schemas['Condition']
type WireAction = Schemas['Action']
export type WireRule = Schemas['RuleEntry']
export type WireRuleData = Schemas['RuleDataEntry']
export type WireDomain = Schemas['Domain']
export type WireRoute = Schemas['Route']
export type WireSource = Schemas['OutboundSource']
export type WireSmartHost = Schemas['SmartHost']
export type WireTlsPolicy = Schemas['TlsPolicy']

/** An Action: which word goes with which key. */
export type Action =
  | Told<WireAction, { action: 'add_message_header'; name?: null; value: string }>
  | Told<WireAction, { action: 'set_tls_level'; name?: null; value: string }>
  | Told<WireAction, { action: 'remove_message_header'; name: string; value?: null }>

/** A problem at a place of a document; the remedy is empty where the detail says it. */
export type Problem = Schemas['Fault']
/** Something unwise, as lint says it. */
export type Finding = Whole<Schemas['FindingShape']>
/** `POST /policy/check`. */
export type Check = Whole<Schemas['Checked']>
/** What came of a change of the policy. */
export type Written = Whole<Schemas['Written']>
export type Back = Schemas['Back']
/** `POST /policy/diff`. */
export type Compared = Schemas['Compared']

/** One entry of a difference. */
export type DiffChange = Told<Whole<Schemas['ChangeShape']>, { change: 'added' | 'removed' | 'changed' | 'moved' }>
/** A difference between two policies, as changes and as text. */
export type Difference = Told<Whole<Schemas['Difference']>, { changes: DiffChange[] }>

export type Revision = Whole<Schemas['RevisionShape']>
/** `GET /policy/revisions/{n}`: the policy stays as it was written, with keys left out. */
export type WholeRevision = Revision & Pick<Schemas['WholeRevision'], 'document' | 'toml'>

/** What the gateway knows of a rule. */
export type RuleFacts = Whole<Schemas['RuleShape']>
/** What the gateway knows of a set; its values only where it was asked for alone. */
export type DataFacts = Whole<Schemas['SetShape']>
/** `POST /rule-data/preview`: what a text comes to as values. */
export type ListPreview = Schemas['Preview']
export type ListText = Schemas['Text']

/** `GET /audit`, an entry. */
export type AuditEntry = Whole<Schemas['EntryShape']>
/** `GET /audit/verify`. */
export type AuditCheck = Whole<Schemas['Verified']>

// The simulator

/** The body of `POST /trace`. */
export type TraceWish = Schemas['Wanted']
export type ConditionTrace = Whole<Schemas['TracedCondition']>
export type StepTrace = Told<Whole<Schemas['TracedStep']>, { actions: Action[] }>
export type RecipientTrace = Told<Whole<Schemas['TracedRecipient']>, { steps: StepTrace[]; tls: Told<Whole<Schemas['TracedTls']>, { decided_by: DecidedBy }> }>
/** `POST /trace`. */
export type Trace = Told<Whole<Schemas['Traced']>, { recipients: RecipientTrace[] }>

// Mail

export type Level = 'plain' | 'try' | 'require' | 'verify' | 'secure' | 'dane'
export type NoTls = 'level_plain' | 'not_offered' | 'refused' | 'handshake_failed'
type Outcome = 'delivered' | 'deferred' | 'bounced'

export type TlsRecord = Whole<Schemas['TlsShape']>
export type DecidedBy = Whole<Schemas['DecidedShape']>
export type Try = Told<Whole<Schemas['TryShape']>, { clear_because: NoTls | null }>
export type Attempt = Told<Whole<Schemas['AttemptShape']>, { outcome: Outcome; level: Level; clear_because: NoTls | null; tries: Try[] }>

export type QueueEntry = Told<Whole<Schemas['QueueShape']>, { level: Level | null; state: 'waiting' | 'sending' | 'held' }>
/** Domain by age; `ages` are the upper ends in seconds, the last of which is null: without end. */
export type QueueShape = Schemas['AgesShape']
export type QueueCount = Schemas['QueueCount']
export type QueueVerb = Schemas['QueueVerb']
export type QueueAct = Schemas['QueueAct']
export type Acted = Schemas['ActedShape']

/** How the rules judged recipients of a message, together where they fared alike. */
interface Judged {
  recipients: string[]
  direction: 'inbound' | 'outbound' | null
  verdict: string
  rule: string | null
  matched: { rule: string; shadow: boolean }[]
  demands: unknown[]
}

/** An entry of a message's journal. */
interface JournalEvent {
  at: string
  kind: string
  message: string | null
  author: { by: string; reason: string | null } | null
  what: string
  detail: unknown
}

export type Story = Told<
  Whole<Schemas['StoryShape']>,
  {
    client: { address: string; helo: string; tls: string | null; from_source: boolean }
    verdicts: Judged[]
    events: JournalEvent[]
    attempts: Attempt[]
    queue: QueueEntry[]
  }
>

type HistoryRecipient = Told<Whole<Schemas['RecipientShape']>, { level: Level | null; clear_because: NoTls | null }>
export type HistoryItem = Told<Whole<Schemas['HistoryShape']>, { recipients: HistoryRecipient[] }>

export type QuarantineEntry = Schemas['QuarantineShape']
export type QuarantineAct = Schemas['QuarantineAct']
export type QuarantineDone = Schemas['DoneShape']
/** A kept message as text alone. */
export type MailPreview = Told<Whole<Schemas['PreviewShape']>, { headers: [string, string][] }>

// TLS

/** Whether mail for a level could be handed over, and why not. */
export interface Verdict {
  passes: boolean
  host: string | null
  clear_because: NoTls | null
  why: string | null
  text: string
}

interface Certificate {
  sha256: string
  names: string[]
  issuer: string | null
  not_before?: string | null
  not_after: string | null
}

export interface ProbeHost {
  host: string
  address: string | null
  preference: number
  implicit_tls: boolean
  login: boolean
  starttls: boolean | null
  version: string | null
  cipher: string | null
  certificate: Certificate | null
  verified_by: string
  levels: Partial<Record<Level, boolean>>
  stage: string | null
  why: string | null
  detail: string | null
  reply: string | null
  status: string | null
}

/** What a probe of one domain found, as `tls probe --json` has it; the document says "an object". */
export interface Probe {
  domain: string
  ready: boolean
  level: Level
  levels: Partial<Record<Level, boolean>>
  verdicts: Partial<Record<Level, Verdict>>
  via: 'mx' | 'route' | 'smart_host' | 'address' | null
  hosts: ProbeHost[]
  why: string | null
  detail: string | null
  at: string
  /** Why the entry itself was not probed; only where it was not. */
  not_probed?: NotProbed
}
export type NotProbed = 'subdomains' | 'no_domain' | 'time'
/** The body of `POST /tls/probe`. */
export type ProbeWish = Schemas['Wish']

/** A domain of the effective table. */
export type TlsDomain = Told<
  Whole<Schemas['EffectiveShape']>,
  {
    level: Level
    decided_by: {
      rule: string | null
      rule_data: string | null
      tls_policy: string | null
      exception: string | null
      published: string | null
      default: boolean
    }
    last_probe: Probe | null
  }
>

/** A row of the TLS report, as `tls report --json` has it; the document says "an object". */
export interface ReportRow {
  domain: string
  period?: string | null
  delivered: number
  over_tls: number
  verified: number
  in_clear: Record<NoTls, number>
  deferred_for_tls: number
  bounced_for_tls: number
  waiting_for_tls: number | null
  tls_share: number | null
  versions: Record<string, number>
  last: string | null
}
export type ReportDay = Schemas['DayShape']
export type TlsReport = Told<Whole<Schemas['ReportShape']>, { domains: ReportRow[] }>

export type Evidence = Whole<Schemas['EvidenceShape']>
export type Root = Whole<Schemas['RootShape']>

// The gateway

export type Overview = Whole<Schemas['OverviewShape']>
export type Hour = Schemas['HourShape']
export type Refusal = Schemas['RefusalShape']

export type System = Told<Whole<Schemas['SystemShape']>, { settings: Record<string, unknown> }>
export type Listener = Schemas['ListenerShape']
