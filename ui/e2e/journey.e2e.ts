// The journey of the person who must enforce TLS for forty partners: from a pasted list to a proof for the auditor, in
// at most twelve steps. A step is a click, or a field that is typed or pasted into.

import { writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Browser, Page } from 'playwright-core'
import { launch, open, seen, sendMail, setUp, shot, Steps, until, verb, type Window } from './stage'
import { apply } from './world'

/** What a person is asked for at most. */
const MOST = 12

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

test('from a pasted list to a proof in at most twelve steps', async () => {
  const steps = new Steps()
  await page.goto('/')
  await steps.do('TLS', () => page.getByRole('navigation', { name: 'Main navigation' }).getByRole('link', { name: 'TLS', exact: true }).click())
  await steps.do('Enforce for a list', () => page.getByRole('link', { name: 'Enforce for a list' }).click())
  await steps.do('paste', () => page.getByLabel('Domains, one a line').fill('Partner.Example\nclinic.example\nclear.example\npartner.example\n'))
  await page.getByText('1 duplicate dropped').waitFor()
  await steps.do('Check now', () => page.getByRole('button', { name: 'Check now' }).click())
  await page.getByText('2 would work').waitFor()
  await page.getByText('1 would wait').waitFor()
  // what fails is not enforced unless somebody says so
  expect(await page.getByRole('checkbox', { name: 'Enforce clear.example' }).isChecked()).toBe(false)
  await shot(page, 'journey-checked')
  await steps.do('Encrypted', () => page.getByRole('radio', { name: 'Encrypted' }).check())
  await steps.do('Review', () => page.getByRole('main').getByRole('button', { name: 'Review' }).click())
  const review = page.getByRole('dialog', { name: 'Review the draft' })
  await review.getByText('TLS Enforced Domains').first().waitFor()
  await shot(page, 'journey-review')
  await steps.do('reason', () => review.getByLabel('Reason').fill('contract with the partners, ticket 4711'))
  await steps.do('Publish', () => review.getByRole('button', { name: 'Publish' }).click())
  await page.getByText(/Published as revision \d+/).first().waitFor()

  // mail, as it comes: to the list and to others
  for (const to of ['anna@partner.example', 'ben@clinic.example', 'cara@open.example', 'dan@plain.example']) {
    await until(`250 for ${to}`, async () => (await sendMail({ to: [to], subject: `journey ${to}` })).startsWith('250'))
  }
  await until('mail at four sites', () => seen().messages.filter((message) => message.text.includes('Subject: journey')).length === 4)
  for (const message of seen().messages.filter((one) => ['partner.example', 'clinic.example'].includes(one.domain))) {
    expect(message.tls, message.domain).toBe(true)
  }

  await steps.do('Go to Evidence', () => page.getByRole('link', { name: 'Go to Evidence' }).click())
  await page.getByRole('heading', { level: 1, name: 'Evidence' }).waitFor()
  await steps.do('period', () => page.getByLabel('Period').selectOption({ label: 'Last 30 days' }))
  await page.getByText('Nothing left in clear text where TLS was enforced.').waitFor()
  await shot(page, 'journey-evidence')
  const download = page.waitForEvent('download').catch(async (error: Error) => {
    throw new Error(`${error.message}; the screen says: ${await page.getByRole('main').innerText()}`)
  })
  await steps.do('Export', () => page.getByRole('button', { name: 'Export' }).click())
  const file = join(tmpdir(), `gatepost-evidence-${process.pid}.jsonl`)
  await (await download).saveAs(file)

  console.log(steps.list.join('\n'))
  expect(steps.count).toBeLessThanOrEqual(MOST)

  // the proof is one: it verifies without the gateway, and a changed one does not
  const verified = verb(['tls', 'evidence', 'verify', file])
  expect(verified.status, verified.out).toBe(0)
  const text = (await import('node:fs')).readFileSync(file, 'utf8')
  expect(text).toContain('partner.example')
  expect(text).not.toContain('anna@partner.example')
  const forged = join(tmpdir(), `gatepost-forged-${process.pid}.jsonl`)
  writeFileSync(forged, text.replace('"outcome":"delivered"', '"outcome":"deferred"'))
  expect(verb(['tls', 'evidence', 'verify', forged]).status).toBe(1)
})
