// What the screens are looked at with: a policy of the guide, mail that was delivered, waits, bounced and was kept,
// accounts, tokens, probes.

import type { Page } from 'playwright-core'
import { makePerson, seen, sendMail, until, verb, type Mail } from './stage'

/** The policy of the guide, as a file. */
export const POLICY = `
[[domain]]
name = "acme.example"
routes = [{ host = "127.0.0.1", port = 9 }]

[[outbound_source]]
network = "127.0.0.0/8"

[[rule_data]]
name = "TLS Enforced Domains"
kind = "domains"
values = """
partner.example
clear.example
"""

[[rule]]
name = "Keep invoices back"
conditions = [{ condition = "subject", match = "matches", value = "invoice" }]
final_action = "quarantine"

[[rule]]
name = "Enforce TLS to partners"
conditions = [
  { condition = "direction", match = "matches", value = "outbound" },
  { condition = "recipient", match = "matches", rule_data = "TLS Enforced Domains" },
]
actions = [{ action = "add_message_header", value = "x-TLSLevel:Require" }]

[[rule]]
name = "Try a stricter rule"
shadow = true
conditions = [{ condition = "direction", match = "matches", value = "outbound" }]
final_action = "reject"

[[rule]]
system = "opportunistic_tls"

[[rule]]
system = "deliver_inbound"

[[rule]]
system = "deliver_outbound"
`

/** Applies a policy on the command line and waits until it is in effect. */
export async function apply(policy: string): Promise<void> {
  const applied = verb(['policy', 'apply', '-', '--reason', 'the tests begin'], policy)
  // 1 is an advice of lint, which the shadow rule that would reject has
  if (applied.status !== 0 && applied.status !== 1) throw new Error(`policy apply: ${applied.out}`)
  await until('the policy in effect', async () => (await sendMail({ to: ['probe@open.example'], subject: 'first' })).startsWith('250'))
}

/** Sends a message that the gateway has to take. */
export async function take(mail: Mail): Promise<void> {
  const reply = await sendMail(mail)
  if (!reply.startsWith('250')) throw new Error(`not taken: ${reply}`)
}

/** Puts something on every screen. */
export async function fillTheWorld(): Promise<void> {
  await apply(POLICY)
  for (const to of ['anna@partner.example', 'ben@clear.example', 'cara@open.example', 'dan@broken.example', 'eve@nowhere.example']) {
    await take({ to: [to], subject: `to ${to}` })
  }
  await take({ to: ['fay@open.example'], subject: 'invoice 17', body: 'Please pay.' })
  makePerson('vera', 'viewer')
  const token = verb(['admin', 'create-token', 'nightly export', '--role', 'auditor'])
  if (token.status !== 0) throw new Error(`admin create-token: ${token.out}`)
  // 1: a partner is not ready, which is so of clear.example
  const probe = verb(['tls', 'probe', 'partner.example', 'clear.example', 'open.example'])
  if (probe.status !== 1) throw new Error(`tls probe gave ${probe.status}: ${probe.out}`)
  await until('mail at the sites', () => seen().messages.length >= 4)
}

/** Every screen with a session, by a name for its picture. */
export async function screens(page: Page): Promise<[string, string][]> {
  const first = async (path: string): Promise<string> => {
    const list = (await (await page.request.get(`/api/v1${path}`)).json()) as { items: { id: string }[] }
    const item = list.items[0]
    if (item === undefined) throw new Error(`${path} is empty`)
    return item.id
  }
  const rules = (await (await page.request.get('/api/v1/rules')).json()) as { items: { id: string; system: string | null }[] }
  const rule = rules.items.find((item) => item.system === null)
  return [
    ['overview', '/'],
    ['rules', '/rules'],
    ['rule', `/rules/${rule?.id}`],
    ['rule-new', '/rules/new'],
    ['rule-data', '/rule-data'],
    ['rule-data-one', `/rule-data/${await first('/rule-data')}`],
    ['rule-data-new', '/rule-data/new'],
    ['tls', '/tls'],
    ['tls-enforce', '/tls/enforce'],
    ['tls-check', '/tls/check'],
    ['simulator', '/simulator'],
    ['history', '/history'],
    ['message', `/history/${await first('/history')}`],
    ['queue', '/queue'],
    ['quarantine', '/quarantine'],
    ['quarantine-one', `/quarantine/${await first('/quarantine')}`],
    ['evidence', '/evidence'],
    ['reports', '/reports'],
    ['routes', '/routes'],
    ['changes', '/changes'],
    ['change', '/changes/2'],
    ['audit', '/changes/audit'],
    ['access', '/access'],
    ['account', '/account'],
    ['system', '/system'],
    ['not-found', '/nowhere'],
  ]
}
