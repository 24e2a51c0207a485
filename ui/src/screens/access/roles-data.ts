// The roles and what each may do, as the gateway has them, to explain them and to offer no role that would be
// refused. What the reader may do is never taken from here: `GET /session` says that.

import type { Capability, Role } from '../../api/types'

export const roles: readonly Role[] = ['owner', 'admin', 'policy-editor', 'queue-operator', 'auditor', 'viewer']

export const capabilities: readonly Capability[] = ['read', 'edit_policy', 'operate_queue', 'probe', 'read_content', 'read_audit', 'export_evidence', 'manage_access', 'own']

const ofRole: Record<Role, readonly Capability[]> = {
  owner: capabilities,
  admin: capabilities.filter((capability) => capability !== 'own'),
  'policy-editor': ['read', 'edit_policy', 'probe'],
  'queue-operator': ['read', 'operate_queue', 'probe', 'read_content'],
  auditor: ['read', 'read_audit', 'export_evidence'],
  viewer: ['read'],
}

/** Whether a role includes something. */
export const includes = (role: Role, capability: Capability): boolean => ofRole[role].includes(capability)

/** Whether somebody may hand out a role: nothing of it may go beyond what they may do themselves. */
export const withinReach = (own: readonly Capability[], role: Role): boolean => ofRole[role].every((capability) => own.includes(capability))
