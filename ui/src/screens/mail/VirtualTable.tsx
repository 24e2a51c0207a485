// A table of any length: only the rows near the window are in the document. To assistive technology it is a table
// with all its rows counted; where there is no room for a row, a row becomes a card, as in every table here.
// While the reader scrolls, a row that is in the document already is not drawn again.

import { useWindowVirtualizer } from '@tanstack/react-virtual'
import { memo, useCallback, useLayoutEffect, useRef, useState, type ReactNode } from 'react'
import { Menu, type Column } from '../../design'
import { t } from '../../lib/i18n'
import { useColumns } from './useColumns'

export interface VirtualTableProps<R> {
  /** Under which the browser keeps which columns are shown. */
  name: string
  /** What the table holds; read out, not shown. */
  caption: string
  columns: readonly Column<R>[]
  rows: readonly R[]
  rowKey: (row: R) => string
  /** How many rows there are in all; null where that is not known. */
  total: number | null
  selected?: (row: R) => boolean
}

export function VirtualTable<R>(props: VirtualTableProps<R>) {
  const { name, caption, columns: all, total } = props
  const { shown, entries } = useColumns(name, all)
  const columns = useKept(shown)
  const widths = columns.map((column) => column.width ?? 'minmax(0, 1fr)').join(' ')
  return (
    <div className="table-wrap vtable-wrap">
      <div className="vtable-tools">
        <Menu label={t('common.columnsOf', { table: caption })} entries={entries}>
          {t('common.columns')}
        </Menu>
      </div>
      <div role="table" className="vtable" aria-label={caption} aria-rowcount={total === null ? -1 : total + 1} aria-colcount={columns.length} style={{ '--widths': widths } as React.CSSProperties}>
        <div role="rowgroup" className="vtable-head">
          <div role="row" className="vtable-row" aria-rowindex={1}>
            {columns.map((column) => (
              <div role="columnheader" key={column.key} className={column.end === true ? 'end' : undefined}>
                {column.hideHead === true ? <span className="hidden-text">{column.head}</span> : column.head}
              </div>
            ))}
          </div>
        </div>
        <VirtualBody {...props} columns={columns} />
      </div>
    </div>
  )
}

/** The rows near the window. Scrolling draws this part anew, and nothing around it. */
function VirtualBody<R>({ columns, rows, rowKey, selected }: VirtualTableProps<R>) {
  const body = useRef<HTMLDivElement>(null)
  const [margin, setMargin] = useState(0)
  // Where the table begins is measured when the page around it has changed, not with every step of a scroll.
  useLayoutEffect(() => {
    const measure = () => {
      if (body.current !== null) setMargin(Math.round(body.current.getBoundingClientRect().top + window.scrollY))
    }
    measure()
    const page = new ResizeObserver(measure)
    page.observe(document.body)
    return () => page.disconnect()
  }, [])
  const key = useRef(rowKey)
  key.current = rowKey
  const virtual = useWindowVirtualizer({
    count: rows.length,
    estimateSize: useCallback(() => 64, []),
    overscan: 12,
    scrollMargin: margin,
    getItemKey: useCallback((index: number) => key.current(rows[index] as R), [rows]),
  })
  return (
    <div role="rowgroup" ref={body} className="vtable-body" style={{ blockSize: virtual.getTotalSize() }}>
      {virtual.getVirtualItems().map((item) => {
        const row = rows[item.index] as R
        return <Row key={item.key} measure={virtual.measureElement} columns={columns} row={row} index={item.index} start={item.start - margin} selected={selected?.(row) === true} />
      })}
    </div>
  )
}

interface RowProps<R> {
  measure: (element: HTMLElement | null) => void
  columns: readonly Column<R>[]
  row: R
  index: number
  start: number
  selected: boolean
}

const Row = memo(function Row<R>({ measure, columns, row, index, start, selected }: RowProps<R>) {
  return (
    <div role="row" ref={measure} data-index={index} data-selected={selected || undefined} aria-rowindex={index + 2} className="vtable-row" style={{ transform: `translateY(${start}px)` }}>
      {columns.map((column) => (
        <VirtualCell key={column.key} column={column}>
          {column.cell(row, index)}
        </VirtualCell>
      ))}
    </div>
  )
}) as <R>(props: RowProps<R>) => ReactNode

/** The list of before while its entries are the same, so that what is drawn of it need not be drawn anew. */
function useKept<T>(list: readonly T[]): readonly T[] {
  const kept = useRef(list)
  if (kept.current.length !== list.length || list.some((entry, at) => entry !== kept.current[at])) kept.current = list
  return kept.current
}

function VirtualCell<R>({ column, children }: { column: Column<R>; children: ReactNode }) {
  const label = column.hideHead === true || column.names === true ? undefined : column.head
  return (
    <div role={column.names === true ? 'rowheader' : 'cell'} data-label={label} className={column.end === true ? 'end' : undefined}>
      <div className="cell">{children}</div>
    </div>
  )
}
