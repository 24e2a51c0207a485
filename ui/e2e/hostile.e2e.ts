// Script and markup from outside, on every screen that shows it: shown as text, and nothing else happens. What would
// happen leaves a trace: a variable, a dialog, a request, a breach of the content policy.

import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Browser, Page } from 'playwright-core'
import { launch, makePersonByApi, open, seen, setUp, until, type Window } from './stage'
import { apply, screens, take } from './world'

const EVIL = [
  '<script>globalThis.struck=1</script>',
  '<img src=x onerror="globalThis.struck=1">',
  '"><svg onload="globalThis.struck=1">',
  "'-alert(1)-'",
  '{{constructor.constructor("globalThis.struck=1")()}}',
  'javascript:globalThis.struck=1',
]

const toml = (text: string) => JSON.stringify(text)

const POLICY = `
[[domain]]
name = "acme.example"
routes = [{ host = "127.0.0.1", port = 9 }]

[[outbound_source]]
network = "127.0.0.0/8"

[[rule_data]]
name = ${toml(`List ${EVIL[0]}`)}
kind = "text"
values = [${EVIL.map(toml).join(', ')}]

[[rule]]
name = ${toml(`Keep ${EVIL[1]}`)}
note = ${toml(EVIL.join(' '))}
conditions = [{ condition = "subject", match = "matches", rule_data = ${toml(`List ${EVIL[0]}`)} }]
actions = [{ action = "add_message_header", value = ${toml(`X-Note: ${EVIL[1]}`)} }]
final_action = "quarantine"

[[rule]]
system = "opportunistic_tls"

[[rule]]
system = "deliver_inbound"

[[rule]]
system = "deliver_outbound"
`

let browser: Browser
let window: Window
let page: Page

beforeAll(async () => {
  browser = await launch()
  window = await open(browser)
  page = window.page
  await setUp(page)
  await apply(POLICY)
  for (const [n, text] of EVIL.entries()) {
    await take({
      to: ['keep@open.example'],
      subject: `${n} ${text}`,
      headers: [
        `X-Evil: ${text}`,
        'MIME-Version: 1.0',
        'Content-Type: multipart/mixed; boundary="b"',
      ],
      body: [
        '--b',
        'Content-Type: text/html; charset=utf-8',
        '',
        `<html><body onload="globalThis.struck=1"><p>Seen ${n}</p>${text}<iframe src="http://evil.example/"></iframe><a href="javascript:globalThis.struck=1">x</a></body></html>`,
        '--b',
        'Content-Type: application/octet-stream',
        `Content-Disposition: attachment; filename=${JSON.stringify(`${text}.html`)}`,
        '',
        'x',
        '--b--',
      ].join('\r\n'),
    })
    await take({ from: `"${'<script>struck=1</script>'}"@acme.example`, to: ['sent@open.example'], subject: `to ${n}` })
    await take({ to: [`"<img/src=x>${n}"@clear.example`, '"<b>x</b>"@nowhere.example'], subject: `odd ${n}` })
  }
  await makePersonByApi(page, `<img src=x onerror=struck=1>`, 'viewer')
  await until('mail at a site', () => seen().messages.length >= EVIL.length)
})

afterAll(async () => browser.close())

async function struck(): Promise<unknown> {
  return page.evaluate(() => (globalThis as unknown as { struck?: number }).struck ?? null)
}

test('every screen shows it as text', async () => {
  const paths = await screens(page)
  const kept = (await (await page.request.get('/api/v1/quarantine?limit=100')).json()) as { items: { id: string }[] }
  const history = (await (await page.request.get('/api/v1/history?limit=100')).json()) as { items: { id: string }[] }
  const more: [string, string][] = [
    ...kept.items.map(({ id }): [string, string] => ['kept', `/quarantine/${id}`]),
    ...history.items.map(({ id }): [string, string] => ['message', `/history/${id}`]),
    ['search', `/history?q=${encodeURIComponent(EVIL[1]!)}`],
    ['search', `/rules?q=${encodeURIComponent(EVIL[0]!)}`],
    ['search', `/queue?filter=${encodeURIComponent(EVIL[2]!)}`],
    ['path', `/${encodeURIComponent(EVIL[1]!)}`],
    ['next', `/login?next=${encodeURIComponent('//evil.example/')}`],
  ]
  expect(kept.items.length).toBe(EVIL.length)
  for (const [, path] of [...paths, ...more]) {
    await page.goto(path)
    await page.locator('h1').first().waitFor()
    await page.waitForLoadState('networkidle')
    expect(await struck(), path).toBeNull()
    expect(new globalThis.URL(page.url()).host, path).toBe(new globalThis.URL(process.env.GATEPOST_URL!).host)
    const foreign = await page.evaluate(() =>
      [...document.querySelectorAll('iframe, object, embed, base, [onerror], [onload], [onclick], a[href^="javascript:"]')].map((node) => node.outerHTML),
    )
    expect(foreign, path).toEqual([])
  }
  expect(window.trouble).toEqual([])
})

test('the preview of a kept message is its text, and its attachments are names', async () => {
  const kept = (await (await page.request.get('/api/v1/quarantine?limit=100')).json()) as { items: { id: string; subject: string }[] }
  const one = kept.items.find((item) => item.subject.startsWith('1 '))
  await page.goto(`/quarantine/${one?.id}`)
  await page.getByText('Seen 1').first().waitFor()
  await page.getByText('onerror', { exact: false }).first().waitFor()
  expect(await struck()).toBeNull()
  expect(window.trouble).toEqual([])
})
