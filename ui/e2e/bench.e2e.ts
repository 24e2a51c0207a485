// The console over a long past, measured: 100,000 messages in the history and 1,000 rules (`make bench-console`).
// For every screen the time from the click that leads to it to the frame in which its content stands; for every long
// list the frames while it is scrolled from end to end; for every reading that a screen made the time it takes alone.
// What it measured is printed as a table, and kept in target/bench-console. It fails where a screen does not come up,
// not where one is slow: that is for people to read.

import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { cpus } from 'node:os'
import type { Browser, Page, Response } from 'playwright-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { launch, open, setUp, shot, until, verb, type Window } from './stage'

const goal = 300
const rounds = 5
let browser: Browser
let window: Window
/** Every reading that a screen made, by method and path. */
const readings = new Map<string, string | null>()
const report: string[] = []

function table(heads: string[], rows: (string | number)[][]): void {
  report.push(`| ${heads.join(' | ')} |`, `|${heads.map(() => '---').join('|')}|`, ...rows.map((row) => `| ${row.join(' | ')} |`), '')
}

const median = (times: number[]): number => [...times].sort((a, b) => a - b)[Math.floor(times.length / 2)] ?? 0
const ms = (time: number): string => `${Math.round(time)}${time > goal ? ' **over**' : ''}`

beforeAll(async () => {
  const applied = verb(['policy', 'apply', 'policy.toml', '--reason', 'a thousand rules'])
  if (applied.status > 1) throw new Error(`policy apply: ${applied.out}`)
  browser = await launch()
  window = await open(browser)
  await setUp(window.page)
  const { page } = window
  await until('the policy in effect', async () => (((await (await page.request.get('/api/v1/rules?limit=1')).json()) as { total: number }).total === 1000))
  page.on('response', note)
}, 120_000)

afterAll(async () => {
  const folder = join(process.env.GATEPOST_SHOTS ?? '.', '../bench-console')
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'table.md'), report.join('\n'))
  console.log(`\n${cpus().length} x ${cpus()[0]?.model}\n\n${report.join('\n')}`)
  await browser.close()
})

function note(response: Response): void {
  const request = response.request()
  const url = new URL(request.url())
  if (!url.pathname.startsWith('/api/')) return
  const isReading = request.method() === 'GET' || url.pathname.endsWith('/policy/check')
  // one page behind the first stands for all that are scrolled to
  const isNext = url.searchParams.has('cursor')
  const known = [...readings.keys()].some((reading) => reading.startsWith(`${request.method()} ${url.pathname}?cursor`))
  if (isReading && !(isNext && known)) readings.set(`${request.method()} ${url.pathname}${url.search}`, request.postData())
}

/** A row of whatever table there is, the head aside. */
const rowsOfTable = 'main tbody tr, main .vtable-body [role=row]'

/** A screen: its link in the navigation, and what stands on it when its content does. */
const screens: [link: string, content: string][] = [
  ['Message Rules', 'ol.rules > li'],
  ['Custom Rule Data', rowsOfTable],
  ['TLS', rowsOfTable],
  ['Partner check', 'main textarea, main input'],
  ['Simulator', 'main textarea'],
  ['Message history', rowsOfTable],
  ['Queue', rowsOfTable],
  ['Quarantine', rowsOfTable],
  ['Evidence', 'main .card'],
  ['TLS report', rowsOfTable],
  ['Domains and routes', rowsOfTable],
  ['Changes', rowsOfTable],
  ['Audit log', rowsOfTable],
  ['Access', rowsOfTable],
  ['System', 'main .card'],
  ['Overview', 'main .card'],
]

/** The time from the click on a link to the frame in which `content` stands and nothing is still awaited. */
async function click(page: Page, link: string, content: string): Promise<number> {
  const before = await page.locator('main h1').first().textContent()
  const drawn = page.evaluate(
    ([content, before]) =>
      new Promise<number>((resolve, reject) => {
        document.addEventListener(
          'click',
          (event) => {
            const began = event.timeStamp
            const look = () => {
              const now = performance.now()
              const heading = document.querySelector('main h1')?.textContent
              const there = heading !== before && document.querySelector(content) !== null && document.querySelector('main [aria-busy=true]') === null
              if (there) requestAnimationFrame(() => resolve(performance.now() - began))
              else if (now - began > 15_000) reject(new Error(`no ${content} after 15 s, but ${document.querySelector('main')?.textContent?.slice(0, 300)}`))
              else requestAnimationFrame(look)
            }
            requestAnimationFrame(look)
          },
          { capture: true, once: true },
        )
      }),
    [content, before ?? ''] as const,
  )
  await page.getByRole('navigation', { name: 'Main navigation' }).getByRole('link', { name: link, exact: true }).click()
  return drawn
}

test('every screen from the navigation', async () => {
  const { page, trouble } = window
  await page.goto('/')
  await page.locator('main .card').first().waitFor()
  await page.waitForLoadState('networkidle')
  const times = new Map<string, number[]>()
  const faults: string[] = []
  for (let round = 0; round < rounds; round += 1) {
    for (const [link, content] of screens) {
      const took = await click(page, link, content).catch((error: Error) => {
        faults.push(error.message)
        return Infinity
      })
      times.set(link, [...(times.get(link) ?? []), took])
      await page.waitForLoadState('networkidle')
      if (round === 0) await shot(page, `bench-${link.toLowerCase().replaceAll(' ', '-')}`)
      if ((await page.getByText('This could not be read').count()) > 0) faults.push(`${link} shows an error`)
    }
  }
  report.push('From the click to the content, ms:', '')
  table(
    ['screen', 'first', `median of ${rounds}`, 'worst'],
    screens.map(([link]) => [link, ms(times.get(link)?.[0] ?? 0), ms(median(times.get(link) ?? [])), ms(Math.max(...(times.get(link) ?? [])))]),
  )
  expect(faults).toEqual([])
  expect(trouble).toEqual([])
}, 600_000)

/** Scrolls by a bit more than a third of the window each frame until there is no more, or for so many frames. */
async function scroll(page: Page, most: number): Promise<{ frames: number; longest: number; late: number; rows: number }> {
  return page.evaluate(
    (most) =>
      new Promise((resolve) => {
        const lengths: number[] = []
        let last = performance.now()
        let still = 0
        const step = (now: number) => {
          lengths.push(now - last)
          last = now
          const before = scrollY
          scrollBy(0, 330)
          still = scrollY === before ? still + 1 : 0
          if (still > 30 || lengths.length >= most) {
            // the first frame began before the first step
            const frames = lengths.slice(1)
            const rows = Number(document.querySelector('.vtable-body [role=row]:last-child')?.getAttribute('aria-rowindex') ?? document.querySelector('ol.rules > li:last-child')?.getAttribute('aria-posinset') ?? 0)
            resolve({ frames: frames.length, longest: Math.max(...frames), late: frames.filter((length) => length > 50).length, rows })
            return
          }
          requestAnimationFrame(step)
        }
        requestAnimationFrame(step)
      }),
    most,
  )
}

test('the long lists are scrolled through', async () => {
  const { page } = window
  const list = ((await (await page.request.get('/api/v1/rule-data')).json()) as { items: { id: string; count: number }[] }).items.find((one) => one.count === 10_000)
  const rows: (string | number)[][] = []
  for (const [name, path, content] of [
    ['Message Rules, 1,000', '/rules', 'ol.rules > li'],
    ['Custom Rule Data, 61 lists', '/rule-data', rowsOfTable],
    ['A list of 10,000', `/rule-data/${list?.id}`, 'main textarea'],
    ['Message history', '/history', rowsOfTable],
    ['Queue', '/queue', rowsOfTable],
    ['Quarantine', '/quarantine', rowsOfTable],
    ['TLS', '/tls', rowsOfTable],
    ['TLS report', '/reports', rowsOfTable],
  ] as const) {
    await page.goto(path)
    await page.locator(content).first().waitFor()
    await page.waitForLoadState('networkidle')
    const { frames, longest, late, rows: seen } = await scroll(page, 600)
    rows.push([name, frames, `${longest.toFixed(0)}`, late, seen === 0 ? '' : seen])
  }
  report.push('Scrolled by 330 pixels a frame, at most 600 frames, ms:', '')
  table(['list', 'frames', 'longest frame', 'frames over 50 ms', 'last row that was reached'], rows)
}, 600_000)

test('every reading that a screen makes', async () => {
  const { page } = window
  const session = (await (await page.request.get('/api/v1/session')).json()) as { csrf: string }
  for (const path of [
    'history?limit=1000',
    'history?q=angebot%2050000',
    'history?q=nothing-has-this',
    'history?recipient=d7%40site007.example',
    'history?domain=site007.example',
    'history?state=bounced',
    'history?state=waiting',
    'history?rule=nothing',
    'queue?limit=1000',
    'queue?filter=domain%3Dsite007.example',
    'queue/count?filter=age%3E1h',
    'queue/shape?filter=age%3E1h',
    'quarantine?q=nothing-has-this',
    'tls/report?domain=site007.example',
    'messages',
    'messages?why=tls.alert',
  ]) {
    readings.set(`GET /api/v1/${path}`, null)
  }
  const rows: [string, number[]][] = []
  for (const [reading, data] of readings) {
    const [method, path] = reading.split(' ') as [string, string]
    const times: number[] = []
    for (let round = 0; round < rounds + 2; round += 1) {
      const began = performance.now()
      const headers = { 'x-csrf-token': session.csrf, ...(data === null ? {} : { 'content-type': 'application/json' }) }
      const answer = await page.request.fetch(path, { method, headers, ...(data === null ? {} : { data }) })
      await answer.body()
      times.push(performance.now() - began)
      expect(answer.status(), reading).toBeLessThan(500)
    }
    rows.push([reading, times])
  }
  rows.sort(([, a], [, b]) => median(b) - median(a))
  report.push('Every reading alone, ms:', '')
  table(
    ['reading', 'first', `median of ${rounds + 2}`, 'worst'],
    rows.map(([reading, times]) => [`\`${reading.replace(/cursor=[^&]*/, 'cursor=…')}\``, ms(times[0] ?? 0), ms(median(times)), ms(Math.max(...times))]),
  )
}, 600_000)
