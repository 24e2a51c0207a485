/** Documents for the tests beside this file. */

import { adopt, type KnownIds } from './document'
import type { PolicyDocument } from './types'

const outbound = {
  condition: 'direction',
  match: 'matches',
  value: 'outbound',
  name: null,
  regex: null,
  rule_data: null,
}

/** A rule as the gateway gives one. */
export function rule(name: string, more: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    name,
    active: true,
    shadow: false,
    conditions: [outbound],
    actions: [],
    final_action: 'none',
    reply: null,
    ...more,
  }
}

/** Three rules, two sets, the System Rules of a new installation at the end. */
export function received(): Record<string, unknown> {
  return {
    domain: [{ name: 'acme.example', routes: [] }],
    outbound_source: [{ network: '10.0.0.0/8' }],
    smart_host: [],
    tls_policy: [],
    rule_data: [
      { name: 'Partners', kind: 'domains', values: 'one.example\ntwo.example\n' },
      { name: 'Blocked', kind: 'domains', values: ['bad.example'] },
    ],
    rule: [
      rule('Block', {
        conditions: [{ condition: 'recipient', match: 'matches', rule_data: 'Blocked' }],
        final_action: 'delete',
      }),
      rule('Enforce', {
        conditions: [outbound, { condition: 'recipient', match: 'matches', rule_data: 'partners' }],
        actions: [{ action: 'add_message_header', value: 'x-TLSLevel:Require' }],
      }),
      rule('Tag', { actions: [{ action: 'add_message_header', value: 'X-Tag: 1' }] }),
      { system: 'opportunistic_tls', active: true },
      { system: 'deliver_inbound', active: true },
      { system: 'deliver_outbound', active: true },
    ],
  }
}

export const IDS: KnownIds = {
  rule: new Map([
    ['block', '01BLOCK'],
    ['enforce', '01ENFORCE'],
    ['tag', '01TAG'],
  ]),
  rule_data: new Map([['partners', '01PARTNERS']]),
}

/** The document of `received`, ready to be edited. */
export function sample(): PolicyDocument {
  return adopt(received(), IDS)
}

/** The names of the rules, the System Rules by their words. */
export function order(document: PolicyDocument): string[] {
  return document.rule.map((entry) => ('system' in entry ? entry.system : entry.name))
}
