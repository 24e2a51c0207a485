// What a screen is when there is nothing, when the answer is not there yet, when it does not come, and for somebody
// who may only read: in words, accessible, and with a way on.

import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Browser, Page } from 'playwright-core'
import { axe, launch, open, OWNER, setUp, shot, signIn, until, URL } from './stage'
import { fillTheWorld, screens } from './world'

let browser: Browser

beforeAll(async () => {
  browser = await launch()
})

afterAll(async () => browser.close())

async function owner(): Promise<{ page: Page; trouble: string[]; close: () => Promise<void> }> {
  const { context, page, trouble } = await open(browser)
  await signIn(page, OWNER)
  await page.waitForURL(`${URL}/`)
  return { page, trouble, close: () => context.close() }
}

/** The screens that read something, and what they say where there is nothing. */
const empty: [path: string, words: string][] = [
  ['/rules', 'There is no rule of your own yet.'],
  ['/rule-data', 'There is no list yet'],
  ['/tls', 'No domain yet.'],
  ['/history', 'No message yet.'],
  ['/queue', 'Nothing waits.'],
  ['/quarantine', 'The quarantine is empty.'],
  ['/reports', 'Nothing was delivered in this period'],
]

test('a gateway that has nothing yet says so on every screen', async () => {
  const { context, page, trouble } = await open(browser)
  await setUp(page)
  for (const [path, words] of empty) {
    await page.goto(path)
    await page.getByText(words).first().waitFor()
    expect(await axe(page), path).toEqual([])
    await shot(page, `empty-${path.slice(1)}`)
  }
  expect(trouble).toEqual([])
  await fillTheWorld()
  await context.close()
})

/** The screens whose content the gateway gives. */
const read = ['/', ...empty.map(([path]) => path), '/evidence', '/routes', '/changes', '/changes/audit', '/access', '/system']

test('an answer that does not come is said, and asked for again', async () => {
  const { page, close } = await owner()
  for (const path of read) {
    await page.route(/\/api\/v1\/(?!session$)/, (route) =>
      route.fulfill({
        status: 503,
        contentType: 'application/problem+json',
        body: JSON.stringify({ type: '/problems/unavailable', title: 'Unavailable', status: 503, detail: 'The store cannot be read now.', errors: [], revision: null, count: null, retry_after: null }),
      }),
    )
    await page.goto(path)
    await page.getByText('This could not be read').first().waitFor()
    await page.getByText('The store cannot be read now.').first().waitFor()
    expect(await page.locator('h1').count(), path).toBe(1)
    expect(await axe(page), path).toEqual([])
    await page.unroute(/\/api\/v1\/(?!session$)/)
    // one question to the gateway at a time is asked again; a screen may ask by itself meanwhile
    await until(`the content of ${path}`, async () => {
      if ((await page.getByText('This could not be read').count()) === 0) return true
      await page.getByRole('main').getByRole('button', { name: 'Try again' }).first().click({ timeout: 500 }).catch(() => undefined)
      return false
    })
  }
  await close()
})

test('an answer that is not there yet leaves a place for it', async () => {
  const { page, trouble, close } = await owner()
  for (const path of read) {
    let release = (): void => undefined
    const held = new Promise<void>((done) => (release = done))
    await page.route(/\/api\/v1\/(?!session$)/, async (route) => {
      await held
      await route.continue()
    })
    await page.goto(path)
    await page.locator('main h1').waitFor()
    expect(await axe(page), path).toEqual([])
    expect(await page.getByText(/^(Nothing waits|No message yet|The quarantine is empty)/).count(), `${path} says nothing is there before it knows`).toBe(0)
    release()
    await page.waitForLoadState('networkidle')
    await page.unroute(/\/api\/v1\/(?!session$)/)
    expect(await page.getByText('This could not be read').count(), path).toBe(0)
  }
  expect(trouble).toEqual([])
  await close()
})

test('a viewer sees every screen that a viewer may see, and can change none', async () => {
  const { context, page, trouble } = await open(browser)
  await signIn(page, 'vera')
  await page.waitForURL(`${URL}/`)
  for (const [name, path] of await screens(page)) {
    await page.goto(path)
    await page.locator('main h1').waitFor()
    await page.waitForLoadState('networkidle')
    expect(await axe(page), path).toEqual([])
    for (const word of ['Publish', 'Release', 'Retry now', 'Hold', 'Bounce', 'New user', 'New token']) {
      const buttons = page.getByRole('main').getByRole('button', { name: word, exact: true })
      for (let at = 0; at < (await buttons.count()); at += 1) {
        const button = buttons.nth(at)
        expect((await button.isDisabled()) || (await button.getAttribute('aria-disabled')) === 'true', `${word} on ${name}`).toBe(true)
      }
    }
  }
  expect(trouble).toEqual([])
  await context.close()
})
