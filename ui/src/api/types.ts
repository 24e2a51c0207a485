// The shapes that the frame and the screens about people use. Screens about mail and policy keep theirs beside
// themselves, in api/NAME.ts.

/** What somebody may do; a role is a set of these. */
export type Capability = 'read' | 'edit_policy' | 'operate_queue' | 'probe' | 'read_content' | 'read_audit' | 'export_evidence' | 'manage_access' | 'own'

export type Role = 'owner' | 'admin' | 'policy-editor' | 'queue-operator' | 'auditor' | 'viewer'

/** Who is signed in. */
export interface SessionUser {
  id: string
  name: string
  role: Role
  capabilities: Capability[]
  totp: boolean
  sso: boolean
}

/** `GET /session`. */
export interface Session {
  user: SessionUser | null
  csrf: string | null
  setup_needed: boolean
  oidc: { name: string } | null
  version: string
  hostname: string
}

/** An account: a person, or a program that submits mail with AUTH. */
export interface User {
  id: string
  name: string
  kind: 'person' | 'smtp'
  role: Role | null
  created_at: string
  created_by: string
  last_login: string | null
  totp: boolean
  /** Recovery codes that are left. */
  recovery_codes: number
  disabled: boolean
  sso: boolean
}

/** A session of the console, its own or somebody's. */
export interface SessionInfo {
  id: string
  /** The account's id. */
  user: string
  /** The account's name. */
  name: string
  created_at: string
  last_seen: string
  expires_at: string
  from: string
  /** The browser, in its own words. */
  agent: string
  /** Whether it is the one that asks. */
  current: boolean
}

/** A token of the API; the token itself is told once, when it is made. */
export interface ApiToken {
  id: string
  name: string
  role: Role
  created_at: string
  created_by: string
  expires_at: string | null
  last_used_at: string | null
}
