// A table of any length: only the rows near the window are in the document. To assistive technology it is a table
// with all its rows counted; where there is no room for a row, a row becomes a card, as in every table here.

import { useWindowVirtualizer } from '@tanstack/react-virtual'
import { useLayoutEffect, useRef, useState, type ReactNode } from 'react'
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

export function VirtualTable<R>({ name, caption, columns: all, rows, rowKey, total, selected }: VirtualTableProps<R>) {
  const { shown: columns, entries } = useColumns(name, all)
  const widths = columns.map((column) => column.width ?? 'minmax(0, 1fr)').join(' ')
  const body = useRef<HTMLDivElement>(null)
  const [margin, setMargin] = useState(0)
  useLayoutEffect(() => {
    const element = body.current
    if (element === null) return
    const top = Math.round(element.getBoundingClientRect().top + window.scrollY)
    if (top !== margin) setMargin(top)
  })
  const virtual = useWindowVirtualizer({
    count: rows.length,
    estimateSize: () => 64,
    overscan: 12,
    scrollMargin: margin,
    getItemKey: (index) => rowKey(rows[index] as R),
  })
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
        <div role="rowgroup" ref={body} className="vtable-body" style={{ blockSize: virtual.getTotalSize() }}>
          {virtual.getVirtualItems().map((item) => {
            const row = rows[item.index] as R
            return (
              <div
                role="row"
                key={item.key}
                ref={virtual.measureElement}
                data-index={item.index}
                data-selected={selected?.(row) === true || undefined}
                aria-rowindex={item.index + 2}
                className="vtable-row"
                style={{ transform: `translateY(${item.start - margin}px)` }}
              >
                {columns.map((column) => (
                  <VirtualCell key={column.key} column={column}>
                    {column.cell(row, item.index)}
                  </VirtualCell>
                ))}
              </div>
            )
          })}
        </div>
      </div>
    </div>
  )
}

function VirtualCell<R>({ column, children }: { column: Column<R>; children: ReactNode }) {
  const label = column.hideHead === true || column.names === true ? undefined : column.head
  return (
    <div role={column.names === true ? 'rowheader' : 'cell'} data-label={label} className={column.end === true ? 'end' : undefined}>
      <div className="cell">{children}</div>
    </div>
  )
}
