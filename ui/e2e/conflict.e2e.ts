// Two administrators change one policy at the same time: nobody's change is lost, and nobody's is overwritten unseen.

import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Browser, Page } from 'playwright-core'
import { launch, makePersonByApi, open, OWNER, PASSWORD, setUp, shot, signIn, until, URL, type Window } from './stage'
import { apply, POLICY } from './world'

let browser: Browser
let olga: Window
let paul: Window

beforeAll(async () => {
  browser = await launch()
  olga = await open(browser)
  await setUp(olga.page)
  await apply(POLICY)
  await makePersonByApi(olga.page, 'paul', 'policy-editor')
  paul = await open(browser)
  await signIn(paul.page, 'paul', PASSWORD)
  await paul.page.waitForURL(`${URL}/`)
})

afterAll(async () => {
  expect([...olga.trouble, ...paul.trouble]).toEqual([])
  await browser.close()
})

const bar = (page: Page) => page.getByRole('region', { name: 'Draft', exact: true })

async function publish(page: Page, reason: string): Promise<void> {
  await bar(page).getByRole('button', { name: 'Review' }).click()
  const dialog = page.getByRole('dialog', { name: 'Review the draft' })
  await dialog.getByLabel('Reason').fill(reason)
  await dialog.getByRole('button', { name: 'Publish' }).click()
}

async function head(page: Page): Promise<number> {
  return Number((await page.request.get('/api/v1/policy')).headers().etag?.replaceAll('"', ''))
}

test('changes of different rules go together after a rebase', async () => {
  for (const window of [olga, paul]) await window.page.goto('/rules')
  await olga.page.getByRole('switch', { name: 'Active: Keep invoices back' }).click()
  await paul.page.getByRole('switch', { name: 'Shadow: Enforce TLS to partners' }).click()
  const before = await head(olga.page)
  await publish(olga.page, 'invoices may pass')
  await until('revision of Olga', async () => (await head(olga.page)) === before + 1)

  await publish(paul.page, 'try it in the shadow')
  await bar(paul.page).getByText(`Revision ${before + 1} was published by ${OWNER}.`).waitFor()
  await bar(paul.page).getByText('invoices may pass').waitFor()
  expect(await head(paul.page)).toBe(before + 1)
  await shot(paul.page, 'conflict')
  const cancel = paul.page.getByRole('dialog').getByRole('button', { name: 'Cancel' })
  if (await cancel.count()) await cancel.click()
  await bar(paul.page).getByRole('button', { name: 'Rebase my draft' }).click()
  await publish(paul.page, 'try it in the shadow')
  await until('revision of Paul', async () => (await head(paul.page)) === before + 2)
  const rules = (await (await paul.page.request.get('/api/v1/rules')).json()) as { items: { name: string; active: boolean; shadow: boolean }[] }
  expect(rules.items.find((rule) => rule.name === 'Keep invoices back')?.active).toBe(false)
  expect(rules.items.find((rule) => rule.name === 'Enforce TLS to partners')?.shadow).toBe(true)
})

test('a change of the same is chosen by the one who comes second', async () => {
  for (const window of [olga, paul]) {
    await window.page.goto('/rules')
    await window.page.reload()
    await window.page.getByRole('link', { name: 'Keep invoices back' }).click()
  }
  await olga.page.getByLabel('Name', { exact: true }).fill('Keep bills back')
  await olga.page.getByRole('radio', { name: 'Delete', exact: true }).check()
  await paul.page.getByRole('radio', { name: 'Reject', exact: true }).check()
  const before = await head(olga.page)
  await olga.page.getByLabel('Name', { exact: true }).fill('Keep invoices back')
  await publish(olga.page, 'delete them')
  await until('revision of Olga', async () => (await head(olga.page)) === before + 1)
  await publish(paul.page, 'reject them')
  const cancel = paul.page.getByRole('dialog').getByRole('button', { name: 'Cancel' })
  await bar(paul.page).getByRole('button', { name: 'Rebase my draft' }).waitFor()
  if (await cancel.count()) await cancel.click()
  await bar(paul.page).getByRole('button', { name: 'Rebase my draft' }).click()
  const dialog = paul.page.getByRole('dialog', { name: 'Both of you changed the same' })
  await shot(paul.page, 'conflict-same')
  await dialog.getByRole('radio', { name: 'Mine' }).first().check()
  await dialog.getByRole('button', { name: 'Take over the choices' }).click()
  await publish(paul.page, 'reject them, as agreed')
  await until('revision of Paul', async () => (await head(paul.page)) === before + 2)
  const rules = (await (await paul.page.request.get('/api/v1/rules')).json()) as { items: { name: string; final_action: string }[] }
  expect(rules.items.find((rule) => rule.name === 'Keep invoices back')?.final_action).toBe('reject')
})
