/**
 * The one draft of this tab, brought together with the gateway: what holds now is read
 * from it, what is edited is checked by it, and what is published goes to it.
 *
 * What always holds: a draft belongs to the person who made it; another one who signs
 * in on the same tab never sees it.
 */

import { useEffect, useMemo, useState, useSyncExternalStore } from 'react'
import type { ApiPath, Check, DataFacts, PageOf, RuleFacts, WirePolicy, Written } from '../api/types'
import { api, call, ProblemError } from '../lib/api'
import { readAgain } from '../lib/paging'
import { invalidate, useRefresh } from '../lib/query'
import { fold, wire, type KnownIds } from './document'
import { createDraftStore, isChanged, type Draft, type Keep } from './store'
import type { PolicyDocument } from './types'

/** Storage that may not be there: private windows may refuse it. */
function tabStorage(): Keep | null {
  try {
    return typeof sessionStorage === 'undefined' ? null : sessionStorage
  } catch {
    return null
  }
}

const WRITE_AFTER = 250
let waiting: (() => void) | null = null
let timer: ReturnType<typeof setTimeout> | undefined

/** Writing a large policy down takes a while: not at every key, but always before the page goes. */
function writeSoon(write: () => void): void {
  waiting = write
  clearTimeout(timer)
  timer = setTimeout(writeNow, WRITE_AFTER)
}

function writeNow(): void {
  clearTimeout(timer)
  const write = waiting
  waiting = null
  write?.()
}

if (typeof window !== 'undefined') {
  window.addEventListener('pagehide', writeNow)
  window.addEventListener('beforeunload', (event) => {
    writeNow()
    const draft = draftStore.get()
    if (draft && !draft.kept && isChanged(draft)) event.preventDefault()
  })
}

const OWNER = 'gatepost.draft.owner'
const keep = tabStorage()

/** The draft of this tab. */
export const draftStore = createDraftStore(keep, writeSoon)

/** Says who is signed in: somebody else's draft is forgotten. */
export function ownDraft(user: string): void {
  try {
    const owner = keep?.getItem(OWNER) ?? null
    if (owner !== null && owner !== user) draftStore.forget()
    keep?.setItem(OWNER, user)
  } catch {
    // Without storage there is nothing of anybody's.
  }
}

/** What was read beside the policy, and how reading went. */
interface Loaded {
  /** By folded name. */
  rules: ReadonlyMap<string, RuleFacts>
  /** By folded name. */
  data: ReadonlyMap<string, DataFacts>
  error: ProblemError | null
  loading: boolean
}

let loaded: Loaded = { rules: new Map(), data: new Map(), error: null, loading: false }
const listeners = new Set<() => void>()

function put(next: Partial<Loaded>): void {
  loaded = { ...loaded, ...next }
  for (const listener of listeners) listener()
}

async function all<T>(path: ApiPath<'get'>): Promise<T[]> {
  const pages = await readAgain<T>(async (cursor, limit) => {
    return api.get<PageOf<T>>(path, { query: { cursor, limit } })
  }, Infinity)
  return pages.items
}

/** The number in an `ETag`. */
function revisionOf(etag: string | null): number {
  return Number((etag ?? '').replace(/^W\//, '').replaceAll('"', '')) || 0
}

/** The policy that holds now, with the ids of its things. */
export async function readPolicy(): Promise<{ revision: number; document: WirePolicy; ids: KnownIds }> {
  const [policy, rules, sets] = await Promise.all([
    call<WirePolicy>('GET', '/policy'),
    all<RuleFacts>('/rules'),
    all<DataFacts>('/rule-data'),
  ])
  const own = rules.filter((rule) => rule.system === null)
  put({
    rules: new Map(rules.map((rule) => [fold(rule.name), rule])),
    data: new Map(sets.map((set) => [fold(set.name), set])),
  })
  const ids = {
    rule: new Map(own.map((rule) => [fold(rule.name), rule.id])),
    rule_data: new Map(sets.map((set) => [fold(set.name), set.id])),
  }
  return { revision: revisionOf(policy.etag), document: policy.data, ids }
}

let reading: Promise<void> | null = null

/** Reads the policy and gives it to the draft; one reading at a time. */
export function loadPolicy(): Promise<void> {
  reading ??= readPolicy()
    .then(
      ({ revision, document, ids }) => {
        draftStore.receive(revision, document, ids)
        put({ error: null, loading: false })
      },
      (error: unknown) => {
        const problem = error instanceof ProblemError ? error : new ProblemError(0, { title: String(error) })
        put({ error: problem, loading: false })
      },
    )
    .finally(() => {
      reading = null
    })
  if (draftStore.get() === null) put({ loading: true })
  return reading
}

/** Seconds after which a screen looks whether somebody published. */
const REFRESH = 60

const reload = (): void => void loadPolicy()

/** The draft, read when a screen first needs it and looked after while one shows it. */
export function useDraft(): { draft: Draft | null; error: ProblemError | null; reload: () => void } & Loaded {
  const draft = useSyncExternalStore(draftStore.subscribe, draftStore.get)
  const state = useSyncExternalStore(
    (listener) => {
      listeners.add(listener)
      return () => {
        listeners.delete(listener)
      }
    },
    () => loaded,
  )
  useEffect(() => {
    void loadPolicy()
  }, [])
  useRefresh(REFRESH, reload)
  return useMemo(() => ({ ...state, draft, reload }), [state, draft])
}

/** What the gateway says about a document, and for which one it said so. */
export interface Checked extends Check {
  document: PolicyDocument
}

const checks = new WeakMap<PolicyDocument, Promise<Checked>>()

function checkOf(document: PolicyDocument): Promise<Checked> {
  const known = checks.get(document)
  if (known) return known
  const asked = api.post<Check>('/policy/check', wire(document)).then((answer) => ({ ...answer, document }))
  checks.set(document, asked)
  asked.catch(() => checks.delete(document))
  return asked
}

const CHECK_AFTER = 200

/**
 * What the gateway says about a document; asked a moment after the last edit. While it
 * is asked anew the last answer stays, with the document that it is about.
 */
export function useCheck(document: PolicyDocument | null): {
  checked: Checked | null
  busy: boolean
  error: ProblemError | null
} {
  const [checked, setChecked] = useState<Checked | null>(null)
  const [error, setError] = useState<ProblemError | null>(null)
  useEffect(() => {
    if (document === null) return undefined
    let wanted = true
    const ask = (): void => {
      checkOf(document).then(
        (answer) => {
          if (!wanted) return
          setChecked(answer)
          setError(null)
        },
        (problem: unknown) => {
          if (wanted) setError(problem instanceof ProblemError ? problem : new ProblemError(0, { title: String(problem) }))
        },
      )
    }
    const wait = setTimeout(ask, checks.has(document) ? 0 : CHECK_AFTER)
    return () => {
      wanted = false
      clearTimeout(wait)
    }
  }, [document])
  return { checked, busy: document !== null && checked?.document !== document && error === null, error }
}

/** Publishes the draft; throws what the gateway says against it. */
export async function publish(draft: Draft, reason: string): Promise<Written> {
  writeNow()
  const answer = await call<Written>('PUT', '/policy', {
    body: wire(draft.document),
    query: { reason },
    ifMatch: draft.base,
  })
  const revision = answer.data.revision
  draftStore.published(revision)
  for (const path of ['/rules', '/rule-data', '/policy', '/tls', '/overview', '/domains', '/outbound-sources']) invalidate(path)
  await loadPolicy()
  return answer.data
}
