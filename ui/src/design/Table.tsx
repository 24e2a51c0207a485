// Tables. Where there is no room for a row, a row becomes a card whose cells name their columns; with
// `scroll`, the table keeps its shape and moves sideways in a region that the keyboard reaches.

import { useEffect, useRef, type ReactNode } from 'react'
import { t } from '../lib/i18n'
import type { Paged } from '../lib/query'
import { Button } from './Button'

export interface Column<R> {
  key: string
  head: string
  cell: (row: R, index: number) => ReactNode
  /** Numbers stand at the end of their column. */
  end?: boolean
  /** The cell that names the row. */
  names?: boolean
  /** The head is read out and not shown (columns of buttons). */
  hideHead?: boolean
  /** As narrow as its content. */
  fit?: boolean
  /** In a `VirtualTable`, its width as `grid-template-columns` has it; left out: a share as large as others. */
  width?: string
}

export interface TableProps<R> {
  /** What the table holds; read out, not shown. */
  caption: string
  columns: readonly Column<R>[]
  rows: readonly R[]
  rowKey: (row: R, index: number) => string
  scroll?: boolean
  /** A table of few, short columns: it stays a table in half the width. */
  compact?: boolean
  selected?: (row: R) => boolean
}

export function Table<R>({ caption, columns, rows, rowKey, scroll = false, compact = false, selected }: TableProps<R>) {
  const table = (
    <table role="table" className={scroll ? 'table' : 'table table-stack'}>
      <caption className="hidden-text">{caption}</caption>
      <thead role="rowgroup">
        <tr role="row">
          {columns.map((column) => (
            <th key={column.key} role="columnheader" scope="col" className={classOf(column)}>
              {column.hideHead === true ? <span className="hidden-text">{column.head}</span> : column.head}
            </th>
          ))}
        </tr>
      </thead>
      <tbody role="rowgroup">
        {rows.map((row, index) => (
          <tr role="row" key={rowKey(row, index)} data-selected={selected?.(row) === true || undefined}>
            {columns.map((column) => cell(column, row, index))}
          </tr>
        ))}
      </tbody>
    </table>
  )
  if (!scroll) return <div className={compact ? 'table-wrap table-wrap-compact' : 'table-wrap'}>{table}</div>
  return (
    <div className="table-wrap">
      <div className="table-scroll" role="region" aria-label={t('common.tableRegion', { caption })} tabIndex={0}>
        {table}
      </div>
    </div>
  )
}

function classOf<R>(column: Column<R>): string | undefined {
  const names = [column.end === true ? 'end' : '', column.fit === true ? 'fit' : ''].filter(Boolean).join(' ')
  return names === '' ? undefined : names
}

function cell<R>(column: Column<R>, row: R, index: number) {
  const label = column.hideHead === true || column.names === true ? undefined : column.head
  const content = column.cell(row, index)
  // In a card the label and the content are two columns: content of several parts must be one of them.
  const inside = label === undefined ? content : <div className="cell">{content}</div>
  return column.names === true ? (
    <th key={column.key} role="rowheader" scope="row" className={classOf(column)}>
      <div className="cell">{content}</div>
    </th>
  ) : (
    <td key={column.key} role="cell" data-label={label} className={classOf(column)}>
      {inside}
    </td>
  )
}

/** The foot of a list in pages: how many of how many, and the way to the rest. It loads on when it comes into view. */
export function Pager({ list }: { list: Paged<unknown> }) {
  const foot = useRef<HTMLDivElement>(null)
  const { more, loadMore, loadingMore } = list
  useEffect(() => {
    const element = foot.current
    if (element === null || !more || loadingMore) return undefined
    const seen = new IntersectionObserver((entries) => {
      if (entries.some((entry) => entry.isIntersecting)) loadMore()
    })
    seen.observe(element)
    return () => seen.disconnect()
  }, [more, loadMore, loadingMore])
  if (list.items.length === 0) return null
  const shown = list.items.length
  return (
    <div className="pager" ref={foot}>
      <span role="status">{list.total !== null ? t('common.shownOf', { shown, total: list.total }) : more ? t('common.shownMore', { shown }) : t('common.shown', { n: shown })}</span>
      {more && (
        <Button small busy={loadingMore} onClick={loadMore}>
          {t('common.loadMore')}
        </Button>
      )}
    </div>
  )
}
