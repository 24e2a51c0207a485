// The one way to the gateway. Everything goes to /api/v1 of the page's own origin; what comes back is either the
// answer or a `ProblemError` in the gateway's words (RFC 9457). What always holds: a write carries the CSRF value
// of the session, an answer 401 first asks the reader to sign in again and then repeats the request, so that
// nothing that was typed is lost.

import type { ApiPath, Problem } from '../api/types'
import { saveBlob } from './save'

/** A refusal of the gateway, or its silence (`status` 0). */
export class ProblemError extends Error {
  /** The HTTP status; 0 where no answer came. */
  readonly status: number
  /** The problem's type, `/problems/wrong-credentials`; `about:blank` where it has none. */
  readonly type: string
  /** The problem in a few words. */
  readonly title: string
  /** The problem in a sentence; null where the title is all. */
  readonly detail: string | null
  /** Problems of single fields. */
  readonly errors: Problem[]
  /** The whole answer, for keys that belong to one kind of problem (`revision`, `count`). */
  readonly body: Record<string, unknown>
  /** Seconds after which it is worth trying again; null where the gateway named none. */
  readonly retryAfter: number | null

  constructor(status: number, body: Record<string, unknown>, retryAfter: number | null = null) {
    const title = text(body.title) ?? `HTTP ${status}`
    const detail = text(body.detail)
    super(detail ?? title)
    this.name = 'ProblemError'
    this.status = status
    this.type = text(body.type) ?? 'about:blank'
    this.title = title
    this.detail = detail
    this.errors = Array.isArray(body.errors) ? body.errors.map(fieldProblem) : []
    this.body = body
    this.retryAfter = retryAfter
  }

  /** The problem of one field, by its pointer, in one text; null where that field has none. */
  of(pointer: string): string | null {
    const found = this.errors.filter((e) => e.pointer === pointer)
    if (found.length === 0) return null
    return found.map((e) => [e.detail, e.remedy].filter(Boolean).join(' ')).join(' ')
  }
}

const text = (value: unknown): string | null => (typeof value === 'string' && value !== '' ? value : null)

function fieldProblem(value: unknown): Problem {
  const of = (typeof value === 'object' && value !== null ? value : {}) as Record<string, unknown>
  return { pointer: text(of.pointer) ?? '', detail: text(of.detail) ?? '', remedy: text(of.remedy) ?? '' }
}

/** An answer with what its head says. */
export interface Answer<T> {
  data: T
  /** The policy revision it was made from, as `ETag` has it (with quotes); send it back as `ifMatch`. */
  etag: string | null
  status: number
  /** The file name the gateway proposes for a download; null where it names none. */
  filename: string | null
}

export type QueryValue = string | number | boolean | null | undefined

/** How a request differs from the plain one. */
export interface CallOptions {
  /** Sent as JSON. */
  body?: unknown
  /** Search parameters; null and undefined are left out. */
  query?: Record<string, QueryValue>
  /** The revision this write was made for: an `etag`, or a revision's number. */
  ifMatch?: string | number
  /** The wanted media type; anything but JSON comes back as `Blob`. */
  accept?: string
  signal?: AbortSignal
}

let csrf: string | null = null
let signInAgain: (() => Promise<boolean>) | null = null

/** Sets the CSRF value that writes carry from now on. */
export function setCsrf(value: string | null): void {
  csrf = value
}

/** Sets who asks the reader to sign in again; it answers whether they did. Null: a 401 is an error like others. */
export function onSignedOut(ask: (() => Promise<boolean>) | null): void {
  signInAgain = ask
}

/** `/api/v1` and a path, with its search parameters. */
export function address(path: string, query: Record<string, QueryValue> = {}): string {
  const params = new URLSearchParams()
  for (const [name, value] of Object.entries(query)) {
    if (value !== null && value !== undefined && value !== '') params.set(name, String(value))
  }
  const search = params.toString()
  const joint = path.includes('?') ? '&' : '?'
  return `/api/v1${path}${search === '' ? '' : joint + search}`
}

/** One path segment: a name that may hold a slash, a dot or anything else. */
export const segment = (name: string): string => encodeURIComponent(name)

const signingIn = new Set(['/problems/wrong-credentials', '/problems/second-factor'])

/**
 * Asks the gateway. Throws `ProblemError` for a refusal and for silence, `AbortError` when `signal` fired.
 */
export async function call<T>(method: string, path: ApiPath, options: CallOptions = {}): Promise<Answer<T>> {
  try {
    return await once<T>(method, path, options)
  } catch (error) {
    const expired = error instanceof ProblemError && error.status === 401 && !signingIn.has(error.type)
    if (!expired || signInAgain === null || path === '/session' || path === '/setup') throw error
    if (!(await signInAgain())) throw error
    return once<T>(method, path, options)
  }
}

async function once<T>(method: string, path: ApiPath, options: CallOptions): Promise<Answer<T>> {
  const headers: Record<string, string> = { Accept: options.accept ?? 'application/json' }
  if (options.body !== undefined) headers['Content-Type'] = 'application/json'
  if (method !== 'GET' && csrf !== null) headers['X-CSRF-Token'] = csrf
  if (options.ifMatch !== undefined) {
    headers['If-Match'] = typeof options.ifMatch === 'number' ? `"${options.ifMatch}"` : options.ifMatch
  }
  const response = await send(address(path, options.query), {
    method,
    headers,
    body: options.body === undefined ? undefined : JSON.stringify(options.body),
    credentials: 'same-origin',
    redirect: 'error',
    signal: options.signal ?? null,
  })
  if (!response.ok) throw await problem(response)
  return {
    data: await content<T>(response, options.accept),
    etag: response.headers.get('ETag'),
    status: response.status,
    filename: /filename="?([^";]+)"?/.exec(response.headers.get('Content-Disposition') ?? '')?.[1] ?? null,
  }
}

async function send(url: string, init: RequestInit): Promise<Response> {
  try {
    return await fetch(url, init)
  } catch (error) {
    if (error instanceof DOMException && error.name === 'AbortError') throw error
    throw new ProblemError(0, { type: '/problems/unreachable', title: 'unreachable' })
  }
}

async function content<T>(response: Response, accept: string | undefined): Promise<T> {
  if (response.status === 204) return undefined as T
  if (accept !== undefined && !accept.includes('json')) return (await response.blob()) as T
  const body = await response.text()
  return (body === '' ? undefined : JSON.parse(body)) as T
}

async function problem(response: Response): Promise<ProblemError> {
  const seconds = Number(response.headers.get('Retry-After'))
  const retry = response.headers.has('Retry-After') && Number.isFinite(seconds) ? seconds : null
  let body: unknown
  try {
    body = JSON.parse(await response.text())
  } catch {
    body = null
  }
  const known = typeof body === 'object' && body !== null && !Array.isArray(body) ? (body as Record<string, unknown>) : { title: `${response.status} ${response.statusText}`.trim() }
  return new ProblemError(response.status, known, retry)
}

type Rest = Omit<CallOptions, 'body'>

/** The answers alone, for those who need nothing of their head. */
export const api = {
  get: <T>(path: ApiPath<'get'>, options?: Rest) => call<T>('GET', path, options).then((a) => a.data),
  post: <T>(path: ApiPath<'post'>, body?: unknown, options?: Rest) => call<T>('POST', path, { ...options, body }).then((a) => a.data),
  put: <T>(path: ApiPath<'put'>, body?: unknown, options?: Rest) => call<T>('PUT', path, { ...options, body }).then((a) => a.data),
  del: <T>(path: ApiPath<'delete'>, body?: unknown, options?: Rest) => call<T>('DELETE', path, { ...options, body }).then((a) => a.data),
}

/** Fetches a file and hands it to the browser to keep. */
export async function download(path: ApiPath<'get'>, fallback: string, options: CallOptions = {}): Promise<void> {
  const answer = await call<Blob>('GET', path, { accept: '*/*', ...options })
  saveBlob(answer.filename ?? fallback, answer.data)
}
