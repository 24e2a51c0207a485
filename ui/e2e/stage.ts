// What a browser test has in hand: a browser on the gateway that was just started, the command line beside it,
// mail to send, and what the sites around it saw. Waits are for a state, never for a time.

import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { connect } from 'node:net'
import { join } from 'node:path'
import { chromium, type Browser, type BrowserContext, type Page } from 'playwright-core'

const need = (name: string): string => {
  const value = process.env[name]
  if (!value) throw new Error(`${name} is not set: these tests are started by cargo test -p gatepost --test browser`)
  return value
}

/** Where the console is. */
export const URL = need('GATEPOST_URL')
/** The one-time link of the first start. */
export const SETUP = need('GATEPOST_SETUP')
/** The password of every account of the tests. */
export const PASSWORD = 'correct horse battery staple'
/** The name of the first owner. */
export const OWNER = 'olga'

/** One message that a site took. */
export interface Seen {
  domain: string
  from: string
  to: string[]
  /** Whether it came under TLS. */
  tls: boolean
  accepted: boolean
  text: string
}

/** What the sites have seen by now. */
export function seen(): { messages: Seen[]; connections: { domain: string; clear: string[]; tls: string[] }[] } {
  return JSON.parse(readFileSync(need('GATEPOST_SEEN'), 'utf8'))
}

/** Waits until `look` gives something, and gives that. */
export async function until<T>(what: string, look: () => T | Promise<T>, seconds = 60): Promise<NonNullable<T>> {
  const end = Date.now() + seconds * 1000
  for (;;) {
    const found = await look()
    if (found) return found as NonNullable<T>
    if (Date.now() > end) throw new Error(`waited ${seconds} s for ${what}`)
    await new Promise((done) => setTimeout(done, 100))
  }
}

/** Runs a verb of the command line beside the gateway: its status and what it printed. */
export function verb(words: string[], input = ''): { status: number; out: string } {
  try {
    const out = execFileSync(need('GATEPOST_BIN'), words, { cwd: need('GATEPOST_FOLDER'), input, encoding: 'utf8' })
    return { status: 0, out }
  } catch (error) {
    const failed = error as { status?: number; stdout?: string; stderr?: string }
    return { status: failed.status ?? -1, out: `${failed.stdout ?? ''}${failed.stderr ?? ''}` }
  }
}

/** Makes the account of a person, on the command line. */
export function makePerson(name: string, role: string): void {
  const made = verb(['admin', 'create-user', name, '--role', role, '--password-stdin'], `${PASSWORD}\n`)
  if (made.status !== 0) throw new Error(`admin create-user: ${made.out}`)
}

/** The same by the API, as whoever is signed in on that page. */
export async function makePersonByApi(page: Page, name: string, role: string): Promise<void> {
  const session = (await (await page.request.get('/api/v1/session')).json()) as { csrf: string }
  const made = await page.request.post('/api/v1/users', {
    data: { name, kind: 'person', role, password: PASSWORD },
    headers: { 'x-csrf-token': session.csrf },
  })
  if (made.status() !== 201) throw new Error(`the account of ${name}: ${await made.text()}`)
}

/** A message to hand to the gateway. */
export interface Mail {
  from?: string
  to: string[]
  subject?: string
  headers?: string[]
  body?: string
}

/** Sends a message by SMTP as a mail server would; gives the last reply. */
export function sendMail(mail: Mail): Promise<string> {
  const [host, port] = split(need('GATEPOST_SMTP'))
  const from = mail.from ?? 'anna@acme.example'
  const head = [`From: <${from}>`, `To: ${mail.to.map((to) => `<${to}>`).join(', ')}`, `Subject: ${mail.subject ?? 'test'}`]
  const text = [...head, ...(mail.headers ?? []), '', mail.body ?? 'Hello.'].join('\r\n').replace(/^\./gm, '..')
  const say = ['EHLO client.acme.example', `MAIL FROM:<${from}>`, ...mail.to.map((to) => `RCPT TO:<${to}>`), 'DATA', `${text}\r\n.`, 'QUIT']
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port })
    let pending = ''
    let last = ''
    socket.setEncoding('utf8').on('error', reject)
    socket.on('data', (chunk: string) => {
      pending += chunk
      for (let end = pending.indexOf('\r\n'); end >= 0; end = pending.indexOf('\r\n')) {
        const line = pending.slice(0, end)
        pending = pending.slice(end + 2)
        if (line[3] === '-') continue
        if (!/^[23]/.test(line)) {
          socket.end()
          resolve(line)
          return
        }
        const next = say.shift()
        if (next === 'QUIT') last = line
        if (next === undefined) {
          socket.end()
          resolve(last)
          return
        }
        socket.write(`${next}\r\n`)
      }
    })
  })
}

function split(address: string): [string, number] {
  const at = address.lastIndexOf(':')
  return [address.slice(0, at).replace(/^\[|\]$/g, ''), Number(address.slice(at + 1))]
}

/** Starts the browser. It may reach the gateway and nothing else; what it asks for elsewhere is kept in `elsewhere`. */
export async function launch(): Promise<Browser> {
  return chromium.launch({
    executablePath: need('GATEPOST_CHROMIUM'),
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  })
}

/** A browser window of one person, and what went wrong in it. */
export interface Window {
  context: BrowserContext
  page: Page
  /** Requests to other hosts, uncaught errors, breaches of the content policy, dialogs: none may happen. */
  trouble: string[]
}

/** Opens a window; German, another look or a touch screen where that is wanted. */
export async function open(browser: Browser, options: { locale?: string; colorScheme?: 'light' | 'dark'; width?: number; touch?: boolean } = {}): Promise<Window> {
  const context = await browser.newContext({
    baseURL: URL,
    locale: options.locale ?? 'en-GB',
    timezoneId: 'UTC',
    colorScheme: options.colorScheme ?? 'light',
    viewport: { width: options.width ?? 1280, height: 900 },
    hasTouch: options.touch ?? false,
    isMobile: options.touch ?? false,
    reducedMotion: 'reduce',
  })
  const page = await context.newPage()
  const trouble: string[] = []
  page.on('request', (request) => {
    const url = request.url()
    if (!url.startsWith(`${URL}/`) && !url.startsWith('data:') && !url.startsWith('blob:')) trouble.push(`request to ${url}`)
  })
  page.on('pageerror', (error) => trouble.push(`error: ${error.message}`))
  page.on('dialog', (dialog) => {
    trouble.push(`dialog: ${dialog.message()}`)
    void dialog.dismiss()
  })
  page.on('console', (message) => {
    const text = message.text()
    if (/Content Security Policy|Trusted ?Type|Refused to/i.test(text)) trouble.push(text)
  })
  page.setDefaultTimeout(20_000)
  return { context, page, trouble }
}

/** Makes the first owner by the one-time link, and is then signed in. */
export async function setUp(page: Page): Promise<void> {
  const answer = await page.request.post('/api/v1/setup', {
    data: { token: SETUP.split('#')[1], name: OWNER, password: PASSWORD },
  })
  if (!answer.ok()) throw new Error(`the set-up was refused: ${await answer.text()}`)
}

/** Signs in through the form. */
export async function signIn(page: Page, name: string, password = PASSWORD): Promise<void> {
  await page.goto('/login')
  await page.getByLabel('Name', { exact: true }).fill(name)
  await page.getByLabel('Password', { exact: true }).fill(password)
  await page.getByRole('button', { name: 'Sign in', exact: true }).click()
}

/** Takes a picture of the whole page. */
export async function shot(page: Page, name: string): Promise<void> {
  const folder = need('GATEPOST_SHOTS')
  mkdirSync(folder, { recursive: true })
  await page.screenshot({ path: join(folder, `${name}.png`), fullPage: true })
}

const axeSource = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

/** Every violation that axe finds on the page, in words. */
export async function axe(page: Page): Promise<string[]> {
  await page.evaluate(axeSource)
  const found = await page.evaluate(async () => {
    const tool = (globalThis as unknown as { axe: { run: (where: Document, options: object) => Promise<{ violations: { id: string; help: string; nodes: { html: string; failureSummary: string }[] }[] }> } }).axe
    return (await tool.run(document, { resultTypes: ['violations'] })).violations
  })
  return found.flatMap((violation) =>
    violation.nodes.map((node) => `${violation.id}: ${violation.help}\n  ${node.html}\n  ${node.failureSummary}`),
  )
}

/** Counts what a person does: one for each click, and for each field that is typed or pasted into. */
export class Steps {
  count = 0
  readonly list: string[] = []

  async do(what: string, act: () => Promise<unknown>): Promise<void> {
    await act()
    this.count += 1
    this.list.push(`${this.count}. ${what}`)
  }
}
