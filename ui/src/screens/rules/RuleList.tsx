// The list itself: only the rows in sight are in the page, so that a thousand rules scroll and drag as ten do. A
// rule is moved by its handle, with mouse and finger or with Space and the arrow keys, or with the row's menu.

import { closestCenter, DndContext, DragOverlay, MeasuringStrategy, PointerSensor, pointerWithin, useSensor, useSensors, type CollisionDetection } from '@dnd-kit/core'
import { defaultRangeExtractor, useWindowVirtualizer, type Range } from '@tanstack/react-virtual'
import { useCallback, useEffect, useId, useLayoutEffect, useMemo, useRef, useState, type KeyboardEvent } from 'react'
import type { Finding, RuleFacts } from '../../api/types'
import { fold, moveRule } from '../../draft/document'
import { ruleName, type PolicyDocument, type Rule } from '../../draft/types'
import { t } from '../../lib/i18n'
import { DeleteDialog, MoveDialog } from './dialogs'
import { keyTarget, useReorder } from './reorder'
import { RowGhost, RuleRow, type RowCalls } from './RuleRow'
import { copyInDraft, switchInDraft } from './steps'

export interface RuleListProps {
  document: PolicyDocument
  /** The rules to show: all, or those that a filter left. */
  rows: readonly Rule[]
  facts: ReadonlyMap<string, RuleFacts>
  findings: ReadonlyMap<string, Finding[]>
  problems: ReadonlyMap<string, number>
  mayEdit: boolean
  mayDrag: boolean
  /** Told the document as it would be while a rule is in hand; null when none is. */
  onMoving: (prospective: PolicyDocument | null) => void
}

/** Lists up to this length are whole in the page: nothing is gained by less. */
const WHOLE = 60
const NOTHING: Finding[] = []

/** What the pointer is in, else what is nearest. */
const underPointer: CollisionDetection = (args) => {
  const within = pointerWithin(args)
  return within.length > 0 ? within : closestCenter(args)
}

const SILENT = { onDragStart: () => undefined, onDragOver: () => undefined, onDragEnd: () => undefined, onDragCancel: () => undefined }
const MEASURING = { droppable: { strategy: MeasuringStrategy.Always } }

export function RuleList({ document, rows, facts, findings, problems, mayEdit, mayDrag, onMoving }: RuleListProps) {
  const help = useId()
  const list = useRef<HTMLOListElement>(null)
  const reorder = useReorder(document, onMoving)
  const { moving } = reorder
  const [asked, setAsked] = useState<{ what: 'move' | 'delete'; rule: Rule } | null>(null)
  const sensors = useSensors(useSensor(PointerSensor, { activationConstraint: { distance: 4 } }))
  const places = useMemo(() => new Map(document.rule.map((rule, at) => [rule.key, at])), [document])
  // By keyboard the rule moves in the list itself; by pointer a line shows where it would go.
  const shown = useMemo(() => (moving?.by === 'keyboard' ? moveRule(document, moving.key, moving.to).rule : rows), [moving, document, rows])
  const held = moving === null ? -1 : shown.findIndex((rule) => rule.key === moving.key)

  const virtual = useRows(list, shown, held)
  useKeptFocus(moving?.by === 'keyboard' ? moving.key : null, moving?.to ?? -1, virtual.scrollToIndex)
  const calls = useCalls(document, reorder, setAsked)
  const total = document.rule.length

  return (
    <>
      <p id={help} className="hidden-text">
        {t('rules.dragHelp')}
      </p>
      <div className="hidden-text" aria-live="assertive" aria-atomic="true" data-testid="announcer">
        {reorder.said}
      </div>
      <DndContext
        sensors={sensors}
        collisionDetection={underPointer}
        measuring={MEASURING}
        accessibility={{ announcements: SILENT, screenReaderInstructions: { draggable: '' } }}
        onDragStart={({ active }) => reorder.begin(String(active.id), 'pointer')}
        onDragOver={({ over }) => over !== null && reorder.to(places.get(String(over.id)) ?? -1)}
        onDragEnd={({ over }) => (over === null ? reorder.cancel() : reorder.drop())}
        onDragCancel={reorder.cancel}
      >
        <ol ref={list} className="plain rules" aria-label={t('rules.list')} style={{ blockSize: virtual.getTotalSize() }}>
          {virtual.getVirtualItems().map((item) => {
            const rule = shown[item.index]
            if (rule === undefined) return null
            const at = moving?.by === 'keyboard' ? item.index : (places.get(rule.key) ?? item.index)
            return (
              <RuleRow
                key={rule.key}
                rule={rule}
                at={at}
                index={item.index}
                count={shown.length}
                total={total}
                top={item.start - virtual.options.scrollMargin}
                measure={virtual.measureElement}
                facts={facts.get(fold(ruleName(rule)))}
                findings={findings.get(rule.key) ?? NOTHING}
                problems={problems.get(rule.key) ?? 0}
                mayEdit={mayEdit}
                mayDrag={mayDrag}
                held={moving?.key === rule.key ? moving.by : null}
                line={moving?.by === 'pointer' && at === moving.to && moving.to !== moving.from ? (moving.to < moving.from ? 'above' : 'below') : null}
                help={help}
                calls={calls}
              />
            )
          })}
        </ol>
        <DragOverlay dropAnimation={null}>{moving?.by === 'pointer' && <RowGhost name={moving.name} place={moving.to + 1} findings={findings.get(moving.key) ?? NOTHING} />}</DragOverlay>
      </DndContext>
      <MoveDialog rule={asked?.what === 'move' ? asked.rule : null} at={asked === null ? 0 : (places.get(asked.rule.key) ?? 0)} total={total} onClose={() => setAsked(null)} onMove={calls.move} />
      <DeleteDialog rule={asked?.what === 'delete' ? asked.rule : null} onClose={() => setAsked(null)} />
    </>
  )
}

/** The rows in sight, and always the one in hand. */
function useRows(list: React.RefObject<HTMLOListElement | null>, rows: readonly Rule[], held: number) {
  const [margin, setMargin] = useState(0)
  useLayoutEffect(() => {
    const place = list.current?.getBoundingClientRect().top
    if (place !== undefined) setMargin(Math.round(place + window.scrollY))
  }, [list, rows.length])
  const extract = useCallback(
    (range: Range) => {
      if (range.count <= WHOLE) return Array.from({ length: range.count }, (_, index) => index)
      const seen = defaultRangeExtractor(range)
      return held < 0 || seen.includes(held) ? seen : [...seen, held].sort((a, b) => a - b)
    },
    [held],
  )
  return useWindowVirtualizer({
    count: rows.length,
    estimateSize: () => 92,
    getItemKey: (index) => rows[index]?.key ?? index,
    overscan: 8,
    scrollMargin: margin,
    scrollPaddingStart: 130,
    scrollPaddingEnd: 60,
    rangeExtractor: extract,
  })
}

/** A rule that moves by keyboard stays in sight, and the focus stays on its handle. */
function useKeptFocus(key: string | null, to: number, scroll: (index: number, options: { align: 'auto' }) => void): void {
  useEffect(() => {
    if (key === null) return
    scroll(to, { align: 'auto' })
    window.document.getElementById(`handle-${key}`)?.focus({ preventScroll: true })
  }, [key, to, scroll])
}

/** What rows call. The functions stay the same, so that a row is drawn anew only when its rule is. */
function useCalls(document: PolicyDocument, reorder: ReturnType<typeof useReorder>, ask: (what: { what: 'move' | 'delete'; rule: Rule }) => void): RowCalls {
  const latest = useRef({ document, reorder, ask })
  latest.current = { document, reorder, ask }
  return useMemo<RowCalls>(() => {
    const move = (rule: Rule, to: number) => {
      const { document: now, reorder: order } = latest.current
      const place = Math.max(0, Math.min(to, now.rule.length - 1))
      order.begin(rule.key, 'keyboard')
      order.to(place)
      order.drop()
      order.say(t('rules.movedTo', { name: ruleName(rule), n: place + 1, total: now.rule.length }))
    }
    return {
      move,
      askMove: (rule) => latest.current.ask({ what: 'move', rule }),
      askDelete: (rule) => latest.current.ask({ what: 'delete', rule }),
      copy: copyInDraft,
      toggle: switchInDraft,
      key: (rule, event) => handleKey(latest.current.reorder, latest.current.document.rule.length, rule, event),
      leave: () => latest.current.reorder.moving?.by === 'keyboard' && latest.current.reorder.cancel(),
    }
  }, [])
}

function handleKey(reorder: ReturnType<typeof useReorder>, total: number, rule: Rule, event: KeyboardEvent): void {
  const { moving } = reorder
  const mine = moving?.key === rule.key && moving.by === 'keyboard'
  if (event.key === ' ' || event.key === 'Enter') {
    event.preventDefault()
    if (mine) reorder.drop()
    else reorder.begin(rule.key, 'keyboard')
  } else if (mine && event.key === 'Escape') {
    event.preventDefault()
    reorder.cancel()
  } else if (mine) {
    const target = keyTarget(event.key, moving.to, total)
    if (target === null) return
    event.preventDefault()
    reorder.to(target)
  }
}
