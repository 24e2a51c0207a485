// The JSON of the mail and TLS routes, as docs/openapi.json describes it. Keys do not disappear: what is not there is null.

export type Level = 'plain' | 'try' | 'require' | 'verify' | 'secure' | 'dane'
export type NoTls = 'level_plain' | 'not_offered' | 'refused' | 'handshake_failed'
export type Outcome = 'delivered' | 'deferred' | 'bounced'

/** A part of a list; `next` is the cursor of the part that follows. */
export interface Page<T> {
  items: T[]
  next: string | null
  total: number | null
}

export interface TlsRecord {
  version: string
  cipher: string
  certificate_sha256: string | null
  verified_by: string
}

export interface DecidedBy {
  header: string | null
  rule: string | null
  tls_policy: string | null
  exception: string | null
  published: string | null
  route?: string | null
  login?: string | null
  default: boolean
  revision: number
}

export interface Try {
  host: string
  address: string | null
  tls: TlsRecord | null
  clear_because: NoTls | null
  stage: string
  why: string | null
  reply: string | null
  detail: string | null
}

export interface Attempt {
  message: string
  recipient: string
  at: string
  outcome: Outcome
  level: Level
  decided_by: DecidedBy
  host: string | null
  address: string | null
  tls: TlsRecord | null
  clear_because: NoTls | null
  why: string | null
  reply: string | null
  status: string
  tries: Try[]
  learned_from: string | null
}

export interface WaitingBecause {
  why: string | null
  cause: string
  remedy: string | null
  letter: string | null
}

export interface QueueEntry {
  id: string
  message: string
  sender: string
  recipient: string
  domain: string
  level: Level | null
  state: 'waiting' | 'sending' | 'held'
  attempts: number
  next_attempt: string
  expires: string | null
  last: { host: string | null; status: string; why: string | null; text: string | null } | null
  asked: string | null
  warned: boolean
  held: { by: string; at: string | null; reason: string | null; damaged: boolean } | null
  pending: string | null
  waiting_because?: WaitingBecause | null
}

/** Domain by age; `ages` are the upper ends in seconds, the last of which may be null: without end. */
export interface QueueShape {
  ages: (number | null)[]
  rows: { domain: string; total: number; counts: number[] }[]
}

export interface StoryLine {
  at: string
  what: string
  text: string
  more: string[]
}

export interface Story {
  id: string
  received_at: string
  sender: string
  subject: string
  size: number
  client: { address: string; helo: string; tls: string | null; from_source: boolean }
  revision: number
  verdicts: {
    recipients: string[]
    direction: 'inbound' | 'outbound' | null
    verdict: string
    rule: string | null
    matched: { rule: string; shadow: boolean }[]
    demands: unknown[]
  }[]
  events: {
    at: string
    kind: string
    message: string | null
    author: { by: string; reason: string | null } | null
    what: string
    detail: unknown
  }[]
  attempts: Attempt[]
  queue: QueueEntry[]
  quarantine: QuarantineEntry[]
  story: StoryLine[]
}

export interface HistoryItem {
  id: string
  received_at: string
  sender: string
  subject: string
  size: number
  recipients: {
    recipient: string
    state: string
    reason: string | null
    level: Level | null
    rule: string | null
    tls: TlsRecord | null
    clear_because: NoTls | null
    at: string | null
  }[]
}

export interface QuarantineEntry {
  id: string
  message: string
  sender: string
  recipient: string
  subject: string
  rule: string
  company: boolean
  since: string
  expires: string
}

export interface Preview {
  headers: [string, string][]
  text: string
  from_html: boolean
  attachments: { name: string | null; type: string; size: number }[]
  truncated: boolean
}

export interface Verdict {
  passes: boolean
  host: string | null
  clear_because: NoTls | null
  why: string | null
  text: string
}

export interface Certificate {
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

/** What a probe of one domain found. */
export interface Probe {
  domain: string
  ready: boolean
  level: Level
  levels: Partial<Record<Level, boolean>>
  verdicts: Partial<Record<Level, Verdict>>
  via: 'mx' | 'route' | 'smart_host' | 'address'
  hosts: ProbeHost[]
  why: string | null
  detail: string | null
  at: string
}

export interface TlsDomain {
  domain: string
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
  deliveries: { delivered: number; encrypted: number; verified: number; clear: number; bounced: number }
  waiting: number
}

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

export interface ReportDay {
  day: string
  none: number
  tls12: number
  tls13: number
  verified: number
  waiting: number
  bounced: number
}

export interface TlsReport {
  domains: ReportRow[]
  days: ReportDay[]
}
