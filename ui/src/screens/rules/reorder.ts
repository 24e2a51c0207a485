// Moving a rule in hand, by pointer or by keyboard: which rule, from where, to where it would go now. Nothing of
// it is in the draft before it is dropped, and Escape leaves everything as it was.

import { useCallback, useRef, useState } from 'react'
import { indexOfRule, moveRule } from '../../draft/document'
import { draftStore } from '../../draft/state'
import { ruleName, type PolicyDocument } from '../../draft/types'
import { t } from '../../lib/i18n'

export interface Moving {
  key: string
  name: string
  from: number
  to: number
  by: 'pointer' | 'keyboard'
}

/** Puts a rule at a place, as one step of the draft. */
function moveInDraft(key: string, name: string, to: number): void {
  draftStore.edit(t('rules.did_move', { name }), (document) => moveRule(document, key, to))
}

export interface Reorder {
  moving: Moving | null
  /** What is read out now. */
  said: string
  say: (text: string) => void
  begin: (key: string, by: Moving['by']) => void
  to: (place: number) => void
  drop: () => void
  cancel: () => void
}

export function useReorder(document: PolicyDocument, onMoving: (prospective: PolicyDocument | null) => void): Reorder {
  const [moving, setMoving] = useState<Moving | null>(null)
  const [said, say] = useState('')
  const latest = useRef({ document, moving, onMoving })
  latest.current = { document, moving, onMoving }

  const put = useCallback((next: Moving | null) => {
    latest.current.moving = next
    setMoving(next)
    const { document: now, onMoving: tell } = latest.current
    tell(next === null || next.to === next.from ? null : moveRule(now, next.key, next.to))
  }, [])

  const begin = useCallback(
    (key: string, by: Moving['by']) => {
      const { document: now } = latest.current
      const from = indexOfRule(now, key)
      const rule = now.rule[from]
      if (rule === undefined) return
      const name = ruleName(rule)
      put({ key, name, from, to: from, by })
      say(t('rules.pickedUp', { name, n: from + 1, total: now.rule.length }))
    },
    [put],
  )

  const to = useCallback(
    (place: number) => {
      const { document: now, moving: held } = latest.current
      if (held === null) return
      const target = Math.max(0, Math.min(place, now.rule.length - 1))
      if (target === held.to) return
      put({ ...held, to: target })
      say(t('rules.movedTo', { name: held.name, n: target + 1, total: now.rule.length }))
    },
    [put],
  )

  const drop = useCallback(() => {
    const { document: now, moving: held } = latest.current
    if (held === null) return
    if (held.to !== held.from) moveInDraft(held.key, held.name, held.to)
    put(null)
    say(t('rules.dropped', { name: held.name, n: held.to + 1, total: now.rule.length }))
  }, [put])

  const cancel = useCallback(() => {
    const { document: now, moving: held } = latest.current
    if (held === null) return
    put(null)
    say(t('rules.dragCancelled', { name: held.name, n: held.from + 1, total: now.rule.length }))
  }, [put])

  return { moving, said, say, begin, to, drop, cancel }
}

/** Where a key moves a rule that is in hand; null for a key that moves nothing. */
export function keyTarget(key: string, at: number, total: number): number | null {
  switch (key) {
    case 'ArrowUp':
      return at - 1
    case 'ArrowDown':
      return at + 1
    case 'PageUp':
      return at - 10
    case 'PageDown':
      return at + 10
    case 'Home':
      return 0
    case 'End':
      return total - 1
    default:
      return null
  }
}
