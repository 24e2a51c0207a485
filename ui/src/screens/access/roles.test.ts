import { expect, it } from 'vitest'
import { capabilities, includes, roles, withinReach } from './roles-data'

it('an administrator hands out every role but owner, an owner all', () => {
  const admin = capabilities.filter((c) => includes('admin', c))
  expect(roles.filter((role) => withinReach(admin, role))).toEqual(roles.filter((role) => role !== 'owner'))
  expect(roles.every((role) => withinReach(capabilities, role))).toBe(true)
})

it('a queue operator hands out neither an auditor nor a policy editor', () => {
  const own = capabilities.filter((c) => includes('queue-operator', c))
  expect(roles.filter((role) => withinReach(own, role))).toEqual(['queue-operator', 'viewer'])
})
