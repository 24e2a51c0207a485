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
