// Reading from the gateway in a component: `useQuery` for one answer, `usePaged` for a list in pages, `useAction`
// for a write. All three say whether they are busy and keep the last error; an answer that comes too late for
// what the component asks now is dropped.

import { useCallback, useEffect, useRef, useState } from 'react'
import type { ApiPath, PageOf } from '../api/types'
import { onReturn, present } from './activity'
import { address, call, ProblemError, type Answer, type CallOptions, type QueryValue } from './api'
import { append, pageSize, readAgain, type Pages } from './paging'

type Changed = (prefix: string) => void
const watchers = new Set<Changed>()

/** Says that what lies under a path has changed: every component that shows some of it reads it again. */
export function invalidate(prefix: string): void {
  watchers.forEach((watcher) => watcher(prefix))
}

function useInvalidation(path: string | null, reload: () => void): void {
  useEffect(() => {
    if (path === null) return undefined
    const watcher = (prefix: string) => {
      if (path.startsWith(prefix)) reload()
    }
    watchers.add(watcher)
    return () => {
      watchers.delete(watcher)
    }
  }, [path, reload])
}

/** Calls back every so many seconds while the reader is there and sees the page, and when they come back to it. */
export function useRefresh(seconds: number | undefined, reload: () => void): void {
  useEffect(() => {
    if (seconds === undefined) return undefined
    const tick = () => {
      if (present()) reload()
    }
    const timer = setInterval(tick, seconds * 1000)
    const returned = onReturn(reload)
    document.addEventListener('visibilitychange', tick)
    return () => {
      clearInterval(timer)
      returned()
      document.removeEventListener('visibilitychange', tick)
    }
  }, [seconds, reload])
}

const asProblem = (error: unknown): ProblemError =>
  error instanceof ProblemError ? error : new ProblemError(0, { title: error instanceof Error ? error.message : String(error) })

const aborted = (error: unknown): boolean => error instanceof DOMException && error.name === 'AbortError'

export interface QueryOptions {
  query?: Record<string, QueryValue>
  /** Read again every so many seconds. */
  refresh?: number
  accept?: string
}

export interface Query<T> {
  /** The last answer; undefined before the first. It stays while a newer one is fetched. */
  data: T | undefined
  etag: string | null
  /** When the last answer came; null before the first. */
  at: string | null
  /** Why the last reading failed; null where it did not. */
  error: ProblemError | null
  /** True until the first answer or error for this path. */
  loading: boolean
  reload: () => void
  /** Puts an answer in place that came another way, such as by a write. */
  set: (data: T, etag?: string | null) => void
}

interface Held<T> {
  url: string | null
  data: T | undefined
  etag: string | null
  at: string | null
  error: ProblemError | null
  done: boolean
}

/** Reads a path, again whenever it or its parameters change. A path null reads nothing. */
export function useQuery<T>(path: ApiPath<'get'> | null, options: QueryOptions = {}): Query<T> {
  const url = path === null ? null : address(path, options.query)
  const [held, setHeld] = useState<Held<T>>({ url, data: undefined, etag: null, at: null, error: null, done: false })
  const [round, setRound] = useState(0)
  const reload = useCallback(() => setRound((n) => n + 1), [])
  const latest = useRef(options)
  latest.current = options

  useEffect(() => {
    if (path === null) return undefined
    const abort = new AbortController()
    const { query, accept } = latest.current
    call<T>('GET', path, { query, accept, signal: abort.signal }).then(
      (answer) => setHeld({ url, data: answer.data, etag: answer.etag, at: new Date().toISOString(), error: null, done: true }),
      (error: unknown) => {
        if (aborted(error)) return
        setHeld((old) => ({ ...(old.url === url ? old : { data: undefined, etag: null, at: null }), url, error: asProblem(error), done: true }))
      },
    )
    return () => abort.abort()
  }, [path, url, round])

  useRefresh(path === null ? undefined : options.refresh, reload)
  useInvalidation(path, reload)
  const set = useCallback((data: T, etag: string | null = null) => setHeld({ url, data, etag, at: new Date().toISOString(), error: null, done: true }), [url])
  const current = held.url === url
  return {
    data: current ? held.data : undefined,
    etag: current ? held.etag : null,
    at: current ? held.at : null,
    error: current ? held.error : null,
    loading: path !== null && !(current && held.done),
    reload,
    set,
  }
}

export interface Paged<T> {
  items: T[]
  /** How many there are in all; null where the gateway does not count. */
  total: number | null
  /** True while the gateway has more than `items`. */
  more: boolean
  loadMore: () => void
  /** True until the first page or error. */
  loading: boolean
  loadingMore: boolean
  error: ProblemError | null
  reload: () => void
}

interface HeldPages<T> extends Pages<T> {
  url: string | null
  error: ProblemError | null
  done: boolean
}

/** Reads a list page by page. A reload reads as many entries again as are shown, so that nothing jumps. */
export function usePaged<T>(path: ApiPath<'get'> | null, options: QueryOptions = {}): Paged<T> {
  const url = path === null ? null : address(path, options.query)
  const nothing: HeldPages<T> = { url, items: [], next: null, total: null, error: null, done: false }
  const [held, setHeld] = useState<HeldPages<T>>(nothing)
  const [busy, setBusy] = useState(false)
  const [round, setRound] = useState(0)
  const reload = useCallback(() => setRound((n) => n + 1), [])
  const state = held.url === url ? held : nothing
  const latest = useRef({ options, shown: 0, url })
  latest.current = { options, shown: state.items.length, url }

  useEffect(() => {
    if (path === null) return undefined
    const abort = new AbortController()
    const { query } = latest.current.options
    const read = (cursor: string | null, limit: number) =>
      call<PageOf<T>>('GET', path, { query: { ...query, cursor, limit }, signal: abort.signal }).then((a) => a.data)
    readAgain(read, latest.current.shown).then(
      (pages) => setHeld({ ...pages, url, error: null, done: true }),
      (error: unknown) => {
        if (aborted(error)) return
        setHeld((old) => ({ ...(old.url === url ? old : { url, items: [], next: null, total: null }), error: asProblem(error), done: true }))
      },
    )
    return () => abort.abort()
  }, [path, url, round])

  const next = state.next
  const loadMore = useCallback(() => {
    if (path === null || next === null || busy) return
    setBusy(true)
    const { query } = latest.current.options
    call<PageOf<T>>('GET', path, { query: { ...query, cursor: next, limit: pageSize } })
      .then(
        (answer) => setHeld((old) => (old.url === url ? { ...old, ...append(old, next, answer.data), error: null } : old)),
        (error: unknown) => setHeld((old) => (old.url === url ? { ...old, error: asProblem(error) } : old)),
      )
      .finally(() => setBusy(false))
  }, [path, url, next, busy])

  useRefresh(path === null ? undefined : options.refresh, reload)
  useInvalidation(path, reload)
  return {
    items: state.items,
    total: state.total,
    more: state.next !== null,
    loadMore,
    loading: path !== null && !state.done,
    loadingMore: busy,
    error: state.error,
    reload,
  }
}

export interface Action<A extends unknown[], R> {
  /** Does it; undefined where it failed, and `error` then says why. */
  run: (...args: A) => Promise<R | undefined>
  busy: boolean
  error: ProblemError | null
  clear: () => void
}

/** Wraps a write: busy while it runs, its error kept until the next run. */
export function useAction<A extends unknown[], R>(act: (...args: A) => Promise<R>): Action<A, R> {
  const [busy, setBusy] = useState(false)
  const [error, setError] = useState<ProblemError | null>(null)
  const latest = useRef(act)
  latest.current = act
  const run = useCallback(async (...args: A) => {
    setBusy(true)
    setError(null)
    try {
      return await latest.current(...args)
    } catch (problem) {
      setError(asProblem(problem))
      return undefined
    } finally {
      setBusy(false)
    }
  }, [])
  return { run, busy, error, clear: useCallback(() => setError(null), []) }
}

export type { Answer, CallOptions }
