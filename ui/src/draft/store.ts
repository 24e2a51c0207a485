/**
 * The draft: what an administrator changed and has not published yet.
 *
 * It lives in the browser, in the tab's own storage, and survives a reload; nothing
 * of it reaches the gateway before *Publish*. Every screen edits the same one.
 *
 * What always holds: `document` differs from `original` exactly by what the person
 * did; undo and redo step through whole edits; a policy that somebody else published
 * never replaces a draft with changes in it by itself.
 */

import { changesOf, type Change } from './changes'
import { adopt, same, type KnownIds } from './document'
import { rebase, type Choices, type Conflict } from './rebase'
import type { PolicyDocument } from './types'

/** One step back or forth. */
interface Step {
  /** What was done, for *Undo: …*. */
  label: string
  document: PolicyDocument
  /** What edits in a row must share to be one step; null: each is its own. */
  merge: string | null
}

export interface Draft {
  /** The revision that the draft began on. */
  base: number
  /** What that revision says. */
  original: PolicyDocument
  /** What it would say after publishing. */
  document: PolicyDocument
  past: Step[]
  future: Step[]
  /** The newest revision that is known of, where it is not `base`: somebody published meanwhile. */
  newer: number | null
  /** False where the browser could not keep the draft: a reload would lose it. */
  kept: boolean
}

/** Where a draft is kept: `sessionStorage`, or anything like it. */
export type Keep = Pick<Storage, 'getItem' | 'setItem' | 'removeItem'>

export interface DraftStore {
  /** The draft; `null` until the policy was received. */
  get(): Draft | null
  /** Calls back after every change, until the function that it gives is called. */
  subscribe(listener: () => void): () => void
  /** Takes what the gateway says now: replaces a draft without changes, else only notes that it is newer. */
  receive(revision: number, document: unknown, ids?: KnownIds): void
  /**
   * Does one edit. An edit that changes nothing makes no step. Edits in a row that say
   * the same `merge` (typing in one field) are one step.
   */
  edit(label: string, change: (document: PolicyDocument) => PolicyDocument, merge?: string): void
  undo(): void
  redo(): void
  /** Throws every change away. */
  discard(): void
  /** What published now is the base; the draft has no changes any more. */
  published(revision: number): void
  /** Somebody else published this revision. */
  noticed(revision: number): void
  /** Carries the draft over to what holds now. Conflicts without a choice stop it: then nothing changes. */
  rebaseOnto(revision: number, document: unknown, choices: Choices, ids?: KnownIds): Conflict[]
  /** Whether a draft with changes is kept that was not brought together with the policy yet. */
  restorable(): boolean
  /** Forgets everything, for signing out. */
  forget(): void
}

const STEPS = 100
const PLACE = 'gatepost.draft'

interface Kept {
  base: number
  original: PolicyDocument
  document: PolicyDocument
}

function readKept(keep: Keep | null): Kept | null {
  try {
    const kept = JSON.parse(keep?.getItem(PLACE) ?? 'null') as Kept | null
    const whole =
      typeof kept?.base === 'number' && Array.isArray(kept.document?.rule) && Array.isArray(kept.original?.rule)
    return whole ? kept : null
  } catch {
    return null
  }
}

function fresh(base: number, original: PolicyDocument): Draft {
  return { base, original, document: original, past: [], future: [], newer: null, kept: true }
}

/** When the draft is written down: at once, or later by whoever runs what it is given. */
export type Schedule = (write: () => void) => void

/** Makes a draft store over a place to keep it; `null`: nowhere. */
export function createDraftStore(keep: Keep | null, schedule: Schedule = (write) => write()): DraftStore {
  let draft: Draft | null = null
  let restored = readKept(keep)
  const listeners = new Set<() => void>()

  function tell(): void {
    for (const listener of listeners) listener()
  }

  function set(next: Draft | null): void {
    draft = next
    schedule(write)
    tell()
  }

  function write(): void {
    if (!draft) return
    const kept = save(keep, draft)
    if (kept === draft.kept) return
    draft = { ...draft, kept }
    tell()
  }

  function receive(revision: number, received: unknown, ids?: KnownIds): void {
    const current = draft ?? fromKept(restored)
    restored = null
    if (!current || !isChanged(current)) {
      const document = adopt(received, ids)
      if (draft?.base === revision && sameThings(draft.original, document)) return
      set(fresh(revision, document))
    } else if (current.base === revision) {
      set({ ...current, newer: null })
    } else {
      set({ ...current, newer: revision })
    }
  }

  function edit(label: string, change: (document: PolicyDocument) => PolicyDocument, merge?: string): void {
    if (!draft) return
    const document = change(draft.document)
    if (document === draft.document) return
    const last = draft.past.at(-1)
    const goesOn = merge !== undefined && last?.merge === merge && draft.future.length === 0
    const step = { label, document: draft.document, merge: merge ?? null }
    const past = goesOn ? draft.past : [...draft.past, step].slice(-STEPS)
    set({ ...draft, document, past, future: [] })
  }

  function step(from: 'past' | 'future', to: 'past' | 'future'): void {
    const last = draft?.[from].at(-1)
    if (!draft || !last) return
    const back = { label: last.label, document: draft.document, merge: null }
    set({ ...draft, document: last.document, [from]: draft[from].slice(0, -1), [to]: [...draft[to], back] })
  }

  function rebaseOnto(revision: number, received: unknown, choices: Choices, ids?: KnownIds): Conflict[] {
    if (!draft) return []
    const theirs = adopt(received, ids)
    const merged = rebase(draft.original, draft.document, theirs, choices)
    const open = merged.conflicts.filter((conflict) => choices[conflict.id] === undefined)
    if (open.length > 0) return merged.conflicts
    set({ ...fresh(revision, theirs), document: same(theirs, merged.document) ? theirs : merged.document })
    return []
  }

  return {
    get: () => draft,
    subscribe(listener) {
      listeners.add(listener)
      return () => {
        listeners.delete(listener)
      }
    },
    receive,
    edit,
    undo: () => step('past', 'future'),
    redo: () => step('future', 'past'),
    discard() {
      if (draft) set(fresh(draft.base, draft.original))
    },
    published(revision) {
      if (draft) set(fresh(revision, draft.document))
    },
    noticed(revision) {
      if (draft && revision !== draft.base) set({ ...draft, newer: revision })
    },
    rebaseOnto,
    restorable: () => draft === null && restored !== null,
    forget() {
      restored = null
      keep?.removeItem(PLACE)
      set(null)
    },
  }
}

function fromKept(kept: Kept | null): Draft | null {
  return kept && { ...fresh(kept.base, kept.original), document: kept.document }
}

/** Whether two documents say the same and their things go by the same keys. */
function sameThings(a: PolicyDocument, b: PolicyDocument): boolean {
  const keys = (document: PolicyDocument): string => [...document.rule, ...document.rule_data].map((entry) => entry.key).join(' ')
  return keys(a) === keys(b) && same(a, b)
}

/** Whether publishing would change anything. */
export function isChanged(draft: Draft): boolean {
  return !same(draft.document, draft.original)
}

/** Keeps a draft with changes, and nothing of one without. */
function save(keep: Keep | null, draft: Draft): boolean {
  try {
    if (isChanged(draft)) {
      const { base, original, document } = draft
      keep?.setItem(PLACE, JSON.stringify({ base, original, document } satisfies Kept))
    } else {
      keep?.removeItem(PLACE)
    }
    return keep !== null || !isChanged(draft)
  } catch {
    // The storage is full or not allowed: the draft lives on in memory, and the bar says so.
    return false
  }
}

/** What the draft changes. */
export function draftChanges(draft: Draft): Change[] {
  return changesOf(draft.original, draft.document)
}
