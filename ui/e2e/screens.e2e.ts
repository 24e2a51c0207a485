// Every screen, with mail, rules and lists in it: no violation of axe in light and in dark, drawn at 1280 and at 360
// pixels, one heading, no request to another host, no breach of the content policy. The pictures are in
// target/screens.

import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Browser } from 'playwright-core'
import de from '../src/locales/de'
import { dataOf, englishKey, textsOn } from './german'
import { axe, launch, open, setUp, shot, signIn, OWNER, PASSWORD, URL, type Window } from './stage'
import { fillTheWorld, screens } from './world'

let browser: Browser
let paths: [name: string, path: string][]

beforeAll(async () => {
  browser = await launch()
  const window = await open(browser)
  await setUp(window.page)
  await fillTheWorld()
  paths = await screens(window.page)
  await window.context.close()
})

afterAll(async () => browser.close())

async function signedIn(options: Parameters<typeof open>[1]): Promise<Window> {
  const window = await open(browser, options)
  await signIn(window.page, OWNER)
  await window.page.waitForURL(`${URL}/`)
  return window
}

for (const colorScheme of ['light', 'dark'] as const) {
  for (const width of [1280, 360]) {
    test(`every screen, ${colorScheme}, ${width} px wide`, async () => {
      const { context, page, trouble } = await signedIn({ colorScheme, width })
      const faults: string[] = []
      for (const [name, path] of paths) {
        await page.goto(path)
        await page.locator('main h1').first().waitFor()
        await page.waitForLoadState('networkidle')
        expect(await page.locator('h1').count(), `headings of ${path}`).toBe(1)
        await shot(page, `${name}-${colorScheme}-${width}`)
        for (const fault of await axe(page)) faults.push(`${path}: ${fault}`)
        const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth)
        if (wide > 0) faults.push(`${path} is ${wide} px wider than the window`)
        if (await page.getByText('This could not be read').count()) faults.push(`${path} shows an error`)
      }
      expect(faults).toEqual([])
      expect(trouble).toEqual([])
      await context.close()
    })
  }
}

test('the screens without a session', async () => {
  for (const colorScheme of ['light', 'dark'] as const) {
    const { context, page, trouble } = await open(browser, { colorScheme })
    for (const [name, path] of [['login', '/login'], ['setup', '/setup#x']] as const) {
      await page.goto(path)
      await page.locator('h1').first().waitFor()
      await page.waitForLoadState('networkidle')
      await shot(page, `${name}-${colorScheme}-1280`)
      expect(await axe(page), path).toEqual([])
    }
    expect(trouble).toEqual([])
    await context.close()
  }
})

test('every screen in German has no word of the English catalogue left', async () => {
  const { context, page, trouble } = await open(browser, { locale: 'de-DE' })
  const data = dataOf(page)
  const left: string[] = []
  const look = async (path: string) => {
    expect(await page.locator('html').getAttribute('lang'), path).toBe('de')
    const known = await data()
    for (const text of await textsOn(page)) {
      const key = known.has(text) ? null : englishKey(text)
      if (key !== null) left.push(`${path}: ${key}: ${text}`)
    }
  }
  await page.goto('/login')
  await page.getByRole('heading', { name: de.session.title as string, exact: true }).waitFor()
  await look('/login')
  await page.getByLabel(de.session.name as string, { exact: true }).fill(OWNER)
  await page.getByLabel(de.session.password as string, { exact: true }).fill(PASSWORD)
  await page.getByRole('button', { name: de.session.signIn as string, exact: true }).click()
  await page.waitForURL(`${URL}/`)
  for (const [, path] of paths) {
    await page.goto(path)
    await page.locator('main h1').first().waitFor()
    await page.waitForLoadState('networkidle')
    await look(path)
  }
  expect(left).toEqual([])
  expect(trouble).toEqual([])
  await context.close()
})

test('a screen is drawn in one step with its frame', async () => {
  const { context, page } = await signedIn({})
  await page.addInitScript(() => {
    const look = () => {
      const main = document.getElementById('main')
      if (main === null) return
      document.documentElement.dataset.drawn = main.querySelector('h1') === null ? 'the frame alone' : 'whole'
      watch.disconnect()
    }
    const watch = new MutationObserver(look)
    watch.observe(document, { childList: true, subtree: true })
  })
  for (const path of ['/', '/rules', '/tls', '/queue', '/history']) {
    await page.goto(path)
    await page.locator('main h1').first().waitFor()
    expect(await page.locator('html').getAttribute('data-drawn'), path).toBe('whole')
  }
  await context.close()
})
