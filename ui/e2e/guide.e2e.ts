// The administrator's guide by clicking: its three set-ups, word for word, each with mail behind it. What the screen
// says became of a message is held against what the sites saw.

import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Browser, Locator, Page } from 'playwright-core'
import { launch, open, seen, sendMail, setUp, shot, signIn, until, OWNER, URL, type Seen, type Window } from './stage'
import { apply } from './world'

let browser: Browser
let window: Window
let page: Page

beforeAll(async () => {
  browser = await launch()
  window = await open(browser)
  page = window.page
  await setUp(page)
  await apply('[[domain]]\nname = "acme.example"\n\n[[outbound_source]]\nnetwork = "127.0.0.0/8"\n')
})

afterAll(async () => {
  expect(window.trouble).toEqual([])
  await browser.close()
})

/** The names of the rules in the order in which they are shown. */
async function order(on = page): Promise<string[]> {
  const list = on.getByRole('list', { name: 'Message Rules in their order' })
  return list.getByRole('listitem').getByRole('link').allInnerTexts()
}

/** Enters a rule as the guide has it. */
async function enterRule(name: string, match: 'Matches' | 'Does Not Match' | null, header: string): Promise<void> {
  await page.goto('/rules')
  await page.getByRole('link', { name: 'New rule' }).first().click()
  await page.getByLabel('Name', { exact: true }).fill(name)
  await addCondition('Direction')
  const direction = page.getByRole('group', { name: 'Condition 1' })
  await direction.getByLabel('Match type').selectOption({ label: 'Matches' })
  await direction.getByLabel('Value', { exact: true }).selectOption({ label: 'Outbound' })
  if (match !== null) {
    await addCondition('Recipient')
    const recipient = page.getByRole('group', { name: 'Condition 2' })
    await recipient.getByLabel('Match type').selectOption({ label: match })
    await recipient.getByLabel('Compared with').selectOption({ label: 'Custom Rule Data' })
    await recipient.getByLabel('Custom Rule Data', { exact: true }).selectOption({ label: 'TLS Enforced Domains' })
  }
  await page.getByRole('button', { name: 'Add Action' }).click()
  await page.getByRole('menuitem', { name: 'Add Message Header' }).click()
  await page.getByRole('group', { name: 'Action 1' }).getByLabel('Header', { exact: true }).fill(header)
  await page.getByRole('radio', { name: 'None', exact: true }).check()
  await page.getByRole('link', { name: 'Done' }).click()
  await page.getByRole('heading', { level: 1, name: 'Message Rules' }).waitFor()
}

async function addCondition(name: string): Promise<void> {
  await page.getByRole('button', { name: 'Add Condition' }).click()
  await page.getByRole('menuitem', { name, exact: true }).click()
}

async function publish(reason: string): Promise<number> {
  const bar = page.getByRole('region', { name: 'Draft', exact: true })
  await bar.getByRole('button', { name: 'Review' }).click()
  const dialog = page.getByRole('dialog', { name: 'Review the draft' })
  await dialog.getByLabel('Reason').fill(reason)
  await dialog.getByRole('button', { name: 'Publish' }).click()
  await dialog.waitFor({ state: 'hidden' })
  const policy = await page.request.get('/api/v1/policy')
  return Number(policy.headers().etag?.replaceAll('"', ''))
}

/** Sends a message, and gives what the history says became of it. */
async function outcome(to: string, subject: string, wanted: RegExp): Promise<string> {
  expect(await sendMail({ to: [to], subject })).toMatch(/^250 2\.0\.0 queued as /)
  let text = ''
  const found = await until(`the outcome of ${subject}`, async () => {
    await page.goto(`/history?q=${encodeURIComponent(subject)}`)
    await page.waitForLoadState('networkidle')
    text = await page.getByRole('main').innerText()
    return wanted.test(text) ? text : null
  }, 30).catch((error: Error) => {
    throw new Error(`${error.message}; the screen says: ${text}`)
  })
  return found
}

const taken = (to: string, subject: string) =>
  seen().messages.filter((message) => message.to.includes(to) && message.text.includes(`Subject: ${subject}`))

/** The same, once there is one. */
const arrived = (to: string, subject: string) =>
  until(`"${subject}" at its site`, () => {
    const found = taken(to, subject)
    return found.length > 0 ? found : null
  })

/** The x-TLSLevel fields of a message, in their order. */
const levels = (message: Seen | undefined) => message?.text.split('\r\n').filter((line) => /^x-TLSLevel:/i.test(line))

test('Opportunistic TLS: a rule that adds x-TLSLevel: Try, above Deliver Outbound', async () => {
  // the System Rule of that name is switched off, so that the rule of the guide is what acts
  await page.goto('/rules')
  await page.getByRole('switch', { name: 'Active: Opportunistic TLS' }).click()
  await enterRule('Try TLS', null, 'x-TLSLevel: Try')
  const rules = await order()
  expect(rules.indexOf('Try TLS')).toBeLessThan(rules.indexOf('Deliver Outbound'))
  await publish('the guide, Opportunistic TLS')

  await outcome('ben@open.example', 'opportunistic tls', /TLSv1\.[23]/)
  const [message] = await arrived('ben@open.example', 'opportunistic tls')
  expect(message?.tls).toBe(true)
  expect(message?.text).toMatch(/^x-TLSLevel: Try\r$/m)

  await outcome('dan@plain.example', 'opportunistic clear', /Clear text/i)
  expect((await arrived('dan@plain.example', 'opportunistic clear')).map((found) => found.tls)).toEqual([false])
})

test('Custom Rule Data: the list of domains, one a line', async () => {
  await page.goto('/rule-data')
  await page.getByRole('link', { name: 'New list' }).first().click()
  await page.getByLabel('Name', { exact: true }).fill('TLS Enforced Domains')
  await page.getByLabel('Values, one a line').fill('Partner.Example.\n\nclear.example\npartner.example\nnot a domain\n')
  await page.getByText('1 line cannot be used').waitFor()
  await page.getByText('1 duplicate', { exact: true }).waitFor()
  await page.getByLabel('Values, one a line').fill('Partner.Example.\n\nclear.example\n')
  await page.getByText('2 values count').waitFor()
  await page.getByRole('link', { name: 'Done' }).click()
  await publish('the list of partners')
})

test('Enforced TLS: the rule is dragged above Deliver Outbound by mouse', async () => {
  await enterRule('Enforce TLS to partners', 'Matches', 'x-TLSLevel:Require')
  // it is put below everything first, where it would never run
  await page.getByRole('button', { name: 'Actions for Enforce TLS to partners' }).click()
  await page.getByRole('menuitem', { name: 'Move to bottom' }).click()
  await until('the lint badge', async () => page.getByRole('listitem').filter({ hasText: 'Enforce TLS to partners' }).getByText('Never runs', { exact: true }).count())
  await shot(page, 'guide-unreachable')

  const handle = page.getByRole('button', { name: 'Move rule Enforce TLS to partners' })
  const target = page.getByRole('listitem').filter({ hasText: 'Try TLS' }).first()
  const from = (await handle.boundingBox())!
  const to = (await target.boundingBox())!
  await page.mouse.move(from.x + from.width / 2, from.y + from.height / 2)
  await page.mouse.down()
  await page.mouse.move(from.x + from.width / 2, from.y - 20, { steps: 5 })
  await page.mouse.move(from.x + from.width / 2, to.y + 4, { steps: 15 })
  await page.mouse.up()
  await until('the rule on top', async () => {
    const rules = await order()
    return rules.indexOf('Enforce TLS to partners') < rules.indexOf('Try TLS')
  })
  await until('no lint badge', async () => (await page.getByText('Never runs', { exact: true }).count()) === 0, 15).catch(async (error: Error) => {
    throw new Error(`${error.message}; the screen says: ${await page.getByRole('main').innerText()}`)
  })
  await publish('the guide, Enforced TLS')

  await outcome('anna@partner.example', 'enforced partner', /TLSv1\.[23]/)
  const [message] = await arrived('anna@partner.example', 'enforced partner')
  expect(message?.tls).toBe(true)
  // both rules match, as the guide warns: the first header is what counts
  expect(levels(message)).toEqual(['x-TLSLevel: Require', 'x-TLSLevel: Try'])

  // the one without TLS waits, and not one byte of it was said
  await outcome('cara@clear.example', 'enforced waits', /Waiting/)
  expect(taken('cara@clear.example', 'enforced waits')).toEqual([])
  const said = seen().connections.filter((connection) => connection.domain === 'clear.example')
  expect(said.length).toBeGreaterThan(0)
  for (const connection of said) expect(connection.clear).not.toContain('MAIL')
  await shot(page, 'guide-waiting')
})

test('both together: the rest by Does Not Match, ordered by keyboard, and one x-TLSLevel a message', async () => {
  await page.goto('/rules')
  await page.getByRole('button', { name: 'Actions for Try TLS' }).click()
  await page.getByRole('menuitem', { name: 'Delete' }).click()
  await page.getByRole('dialog').getByRole('button', { name: 'Delete rule' }).click()
  await enterRule('Opportunistic for the rest', 'Does Not Match', 'x-TLSLevel:Try')
  await page.getByRole('button', { name: 'Actions for Opportunistic for the rest' }).click()
  await page.getByRole('menuitem', { name: 'Move to bottom' }).click()
  const before = await order()
  expect(before.at(-1)).toBe('Opportunistic for the rest')

  const spoken: string[] = []
  await page.exposeFunction('heard', (text: string) => spoken.push(text))
  await page.evaluate(() => {
    new MutationObserver((changes) => {
      for (const change of changes) {
        const region = (change.target instanceof Element ? change.target : change.target.parentElement)?.closest('[aria-live]')
        const text = region?.textContent
        if (text) (globalThis as unknown as { heard: (text: string) => void }).heard(text)
      }
    }).observe(document.body, { subtree: true, childList: true, characterData: true })
  })
  const handle = page.getByRole('button', { name: 'Move rule Opportunistic for the rest' })
  await handle.focus()
  await page.keyboard.press('Space')
  for (let step = 0; step < 2; step += 1) {
    await until('what was said', () => spoken.length > step)
    await page.keyboard.press('ArrowUp')
    await until('the next position', () => spoken.length > step + 1)
  }
  await page.keyboard.press('Space')
  await until('the rule above Deliver Outbound', async () => {
    const rules = await order()
    return rules.indexOf('Opportunistic for the rest') < rules.indexOf('Deliver Outbound')
  })
  expect(spoken.some((text) => /Rule Opportunistic for the rest moved to position \d+ of \d+/.test(text))).toBe(true)
  const revision = await publish('the guide, both')
  const stored = (await (await page.request.get('/api/v1/rules')).json()) as { items: { name: string }[] }
  expect(stored.items.map((rule) => rule.name)).toEqual(await order())
  expect(revision).toBeGreaterThan(3)

  await outcome('ella@open.example', 'both open', /TLSv1\.[23]/)
  await outcome('fred@partner.example', 'both partner', /TLSv1\.[23]/)
  const level = async (to: string, subject: string) => levels((await arrived(to, subject))[0])
  expect(await level('ella@open.example', 'both open')).toEqual(['x-TLSLevel: Try'])
  expect(await level('fred@partner.example', 'both partner')).toEqual(['x-TLSLevel: Require'])
  // a handshake that breaks: clear text for the rest, and only for them
  await outcome('gus@broken.example', 'both broken', /Clear text/i)
  expect((await arrived('gus@broken.example', 'both broken')).map((found) => found.tls)).toEqual([false])
})

test('from a message to the rule that decided, and from the rule to what it matched', async () => {
  await page.goto('/history?q=both%20partner')
  await page.getByRole('link', { name: 'both partner' }).click()
  await page.getByRole('link', { name: 'Enforce TLS to partners' }).first().click()
  await page.getByRole('heading', { level: 1, name: 'Rule: Enforce TLS to partners' }).waitFor()
  // enforced partner, enforced waits, both partner
  const matched = page.getByRole('region', { name: 'Matched in the last 7 days' })
  await matched.getByText('3 messages', { exact: true }).waitFor()
  expect(await matched.getByRole('link').allInnerTexts()).toEqual(['both partner', 'enforced waits', 'enforced partner'])
  await page.goto('/rules/named?name=never%20was')
  await page.getByRole('heading', { level: 1, name: 'There is no such rule' }).waitFor()
  await page.goto('/tls')
  await page.getByRole('row').filter({ hasText: 'partner.example' }).getByRole('link', { name: 'delivered' }).click()
  await page.getByRole('row').filter({ hasText: 'both partner' }).waitFor()
  expect(new globalThis.URL(page.url()).search).toBe('?domain=partner.example')
  expect(await page.getByRole('main').getByText('ella@open.example').count()).toBe(0)
  // what had nothing but verified TLS and is not enforced is suggested; clear text and a broken handshake are not
  await page.goto('/tls/enforce')
  await page.getByRole('button', { name: 'Suggest domains' }).click()
  await page.getByText('1 domain had nothing but verified TLS').waitFor()
  expect(await page.getByLabel('Domains, one a line').inputValue()).toBe('open.example\n')
})

test('a column is left out, stays so, and comes back', async () => {
  await page.goto('/history')
  const heads = () => page.getByRole('table', { name: 'Messages' }).getByRole('columnheader').allInnerTexts()
  const choose = async () => {
    await page.getByRole('button', { name: 'Columns of Messages' }).click()
    await page.getByRole('menuitemcheckbox', { name: 'Sender' }).click()
    await page.keyboard.press('Escape')
  }
  await page.getByRole('row').first().waitFor()
  const all = await heads()
  expect(all).toContain('Sender')
  await choose()
  expect(await heads()).toEqual(all.filter((head) => head !== 'Sender'))
  await page.reload()
  await page.getByRole('row').first().waitFor()
  expect(await heads()).not.toContain('Sender')
  await choose()
  expect(await heads()).toEqual(all)
})

/** The middle of what is on the screen, in the window. */
async function middle(of: Locator): Promise<{ x: number; y: number }> {
  const box = (await of.boundingBox())!
  return { x: box.x + box.width / 2, y: box.y + box.height / 2 }
}

test('a rule is dragged by touch on a small screen, its position is spoken, and Undo puts it back', async () => {
  const small = await open(browser, { width: 360, touch: true })
  const on = small.page
  await signIn(on, OWNER)
  await on.waitForURL(`${URL}/`)
  await on.goto('/rules')
  const name = 'Enforce TLS to partners'
  const handle = on.getByRole('button', { name: `Move rule ${name}` })
  await handle.scrollIntoViewIfNeeded()
  const before = await order(on)
  const at = before.indexOf(name)
  const below = before[at + 1]!
  const from = await middle(handle)
  const to = await middle(on.getByRole('listitem').filter({ hasText: below }).first())
  const finger = await small.context.newCDPSession(on)
  const touch = (type: 'touchStart' | 'touchMove' | 'touchEnd', y?: number) =>
    finger.send('Input.dispatchTouchEvent', { type, touchPoints: y === undefined ? [] : [{ x: from.x, y }] })
  await touch('touchStart', from.y)
  for (let step = 1; step <= 10; step += 1) await touch('touchMove', from.y + ((to.y - from.y) * step) / 10)
  await on.getByTestId('announcer').filter({ hasText: `Rule ${name} moved to position ${at + 2} of ${before.length}` }).waitFor()
  await touch('touchEnd')
  await on.getByTestId('announcer').filter({ hasText: new RegExp(`Rule ${name} .*position ${at + 2} of`) }).waitFor()
  await until('the other order', async () => (await order(on)).indexOf(name) === at + 1)
  // what moves a rule with a finger does not scroll the page, and does nothing before it is published
  const kept = (await (await on.request.get('/api/v1/rules')).json()) as { items: { name: string }[] }
  expect(kept.items.map((rule) => rule.name)).toEqual(before)
  await on.getByRole('region', { name: 'Draft', exact: true }).getByRole('button', { name: 'Undo' }).click()
  await until('the order of before', async () => (await order(on)).join() === before.join())
  expect(small.trouble).toEqual([])
  await small.context.close()
})
