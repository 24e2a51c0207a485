// Who may come in: the one-time link, wrong passwords, the second factor, a viewer who may not write, a session that
// ends while something is being typed.

import { createHmac } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Browser, Page } from 'playwright-core'
import { launch, makePersonByApi, open, OWNER, PASSWORD, SETUP, shot, signIn, until, URL, type Window } from './stage'

let browser: Browser
let window: Window
let page: Page

beforeAll(async () => {
  browser = await launch()
  window = await open(browser)
  page = window.page
})

afterAll(async () => {
  expect(window.trouble).toEqual([])
  await browser.close()
})

/** The code of a TOTP key at a moment (RFC 6238, SHA-1, six digits, 30 s). */
function totp(base32: string, step: number): string {
  const bits = [...base32.replace(/=+$/, '')].map((c) => 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'.indexOf(c).toString(2).padStart(5, '0')).join('')
  const key = Buffer.from((bits.match(/.{8}/g) ?? []).map((byte) => parseInt(byte, 2)))
  const counter = Buffer.alloc(8)
  counter.writeBigUInt64BE(BigInt(step))
  const hash = createHmac('sha1', key).update(counter).digest()
  const at = hash[19]! & 15
  return String((hash.readUInt32BE(at) & 0x7fffffff) % 1_000_000).padStart(6, '0')
}
const now = () => Math.floor(Date.now() / 30_000)

test('the one-time link makes the first owner, sets up the gateway, and works once', async () => {
  await page.goto(SETUP)
  await page.getByRole('heading', { level: 1, name: 'First run' }).waitFor()
  await page.getByLabel('Name', { exact: true }).fill(OWNER)
  await page.getByLabel('Password', { exact: true }).fill(PASSWORD)
  await page.getByLabel('Password again').fill(PASSWORD)
  await page.getByRole('button', { name: 'Make the owner' }).click()
  await page.getByText('gateway.acme.example').first().waitFor()
  await page.getByRole('button', { name: 'Next' }).click()
  await page.getByLabel('Your domains').fill('acme.example')
  await page.getByLabel('Next hop for inbound mail').fill('127.0.0.1:9')
  await page.getByLabel('Who may send out').fill('127.0.0.0/8')
  await page.getByRole('button', { name: 'Save and go on' }).click()
  await page.getByLabel('To', { exact: true }).fill('anna@open.example')
  await page.getByRole('button', { name: 'Simulate' }).click()
  await page.getByText('Deliver Outbound').first().waitFor()
  await shot(page, 'setup-test')
  await page.getByRole('link', { name: 'Go to the Overview' }).or(page.getByRole('button', { name: 'Go to the Overview' })).click()
  await page.getByRole('heading', { level: 1, name: 'Overview' }).waitFor()

  const other = await open(browser)
  const again = await other.page.request.post('/api/v1/setup', { data: { token: SETUP.split('#')[1], name: 'eve', password: PASSWORD } })
  expect(again.status()).toBe(403)
  await other.context.close()
})

test('a wrong password is refused in words, and says nothing about the name', async () => {
  const other = await open(browser)
  for (const name of [OWNER, 'nobody']) {
    await signIn(other.page, name, 'not the password at all')
    await other.page.getByText('Name or password is wrong.').waitFor()
  }
  await other.context.close()
})

test('the second factor: a wrong code is refused, the right one opens, and is good once', async () => {
  await page.goto('/account')
  await page.getByRole('button', { name: 'Set up a second factor' }).click()
  const dialog = page.getByRole('dialog', { name: 'Set up a second factor' })
  const key = await until('the key', async () => (await dialog.innerText()).replace(/ /g, '').match(/[A-Z2-7]{26,}/)?.[0])
  const first = totp(key, now())
  await dialog.getByLabel('Code').fill(first)
  await dialog.getByRole('button', { name: 'Switch on' }).click()
  const codes = page.getByRole('dialog', { name: 'Recovery codes' })
  await codes.getByRole('button', { name: 'I have kept them' }).click()

  const other = await open(browser)
  await signIn(other.page, OWNER)
  await other.page.getByLabel('Code').fill(first)
  await other.page.getByRole('button', { name: 'Confirm' }).click()
  await other.page.getByText('That code was not right.').waitFor()
  await shot(other.page, 'second-factor-wrong')
  expect((await other.page.request.get('/api/v1/users')).status()).toBe(401)
  // the next half minute's code is good already
  await other.page.getByLabel('Code').fill(totp(key, now() + 1))
  await other.page.getByRole('button', { name: 'Confirm' }).click()
  await other.page.getByRole('heading', { level: 1, name: 'Overview' }).waitFor()
  await other.context.close()

  await page.getByRole('button', { name: 'Switch off the second factor' }).click()
  const off = page.getByRole('dialog', { name: 'Switch off the second factor' })
  await off.getByLabel('Current password').fill(PASSWORD)
  await off.getByRole('button', { name: 'Switch off' }).click()
  await page.getByRole('button', { name: 'Set up a second factor' }).waitFor()
})

test('a viewer sees everything and writes nothing', async () => {
  await makePersonByApi(page, 'vera', 'viewer')
  const other = await open(browser)
  await signIn(other.page, 'vera')
  await other.page.waitForURL(`${URL}/`)
  await other.page.goto('/rules')
  await other.page.getByRole('heading', { level: 1, name: 'Message Rules' }).waitFor()
  await other.page.getByText(/You can look, and not change/).first().waitFor()
  expect(await other.page.getByRole('link', { name: 'New rule' }).count()).toBe(0)
  const enabled = await other.page.getByRole('switch').evaluateAll((all) => all.filter((one) => !(one as HTMLInputElement).disabled && one.getAttribute('aria-disabled') !== 'true').length)
  expect(enabled).toBe(0)
  await shot(other.page, 'viewer-rules')
  // and a write that no button offers is refused as well
  const session = (await (await other.page.request.get('/api/v1/session')).json()) as { csrf: string }
  const policy = await other.page.request.get('/api/v1/policy')
  const write = await other.page.request.put('/api/v1/policy?reason=x', {
    data: await policy.json(),
    headers: { 'x-csrf-token': session.csrf, 'if-match': policy.headers().etag ?? '' },
  })
  expect(write.status()).toBe(403)
  for (const path of ['/access', '/changes/audit']) {
    await other.page.goto(path)
    await other.page.locator('main h1').waitFor()
    await other.page.getByRole('main').getByText(/[Yy]our role, Viewer, does not include/).first().waitFor()
  }
  expect((await other.page.request.get('/api/v1/users')).status()).toBe(403)
  expect(other.trouble).toEqual([])
  await other.context.close()
})

test('a session that ends asks to sign in again, and what was typed is still there', async () => {
  const other = await open(browser)
  await signIn(other.page, 'vera')
  await other.page.waitForURL(`${URL}/`)
  await other.page.goto('/simulator')
  await other.page.getByLabel('From (envelope sender)').fill('anna@acme.example')
  await other.page.getByLabel('To (recipients), one a line').fill('typed@before.example')
  const session = (await (await page.request.get('/api/v1/session')).json()) as { csrf: string }
  const sessions = (await (await page.request.get('/api/v1/sessions')).json()) as { items: { id: string; name: string }[] }
  for (const { id } of sessions.items.filter((one) => one.name === 'vera')) {
    expect((await page.request.delete(`/api/v1/sessions/${id}`, { headers: { 'x-csrf-token': session.csrf } })).status()).toBe(204)
  }
  await other.page.getByRole('button', { name: 'Simulate' }).click()
  const dialog = other.page.getByRole('dialog', { name: 'Your session has ended' })
  await dialog.waitFor()
  await shot(other.page, 'session-ended')
  await dialog.getByLabel('Password', { exact: true }).fill(PASSWORD)
  await dialog.getByRole('button', { name: 'Sign in' }).click()
  await dialog.waitFor({ state: 'hidden' })
  expect(await other.page.getByLabel('To (recipients), one a line').inputValue()).toBe('typed@before.example')
  await other.page.getByRole('heading', { name: 'Result' }).waitFor()
  await other.context.close()
})

test('too many failures lock, and say for how long', async () => {
  await makePersonByApi(page, 'lars', 'viewer')
  const other = await open(browser)
  for (let failure = 0; failure < 5; failure += 1) {
    const answer = await other.page.request.post('/api/v1/session', { data: { name: 'lars', password: 'wrong wrong wrong' } })
    expect(answer.status()).toBe(401)
  }
  await signIn(other.page, 'lars')
  await other.page.getByText(/Too many failed attempts. Wait/).first().waitFor()
  await shot(other.page, 'locked')
  await other.context.close()
})
