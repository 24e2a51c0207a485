// Which columns of a table are shown: the reader's choice, kept in this browser under the table's name. The column
// that names a row and those of buttons always are.

import { useState } from 'react'
import type { Column, MenuEntry } from '../../design'
import { remember, remembered } from '../../lib/storage'

/** The keys that were left out; what was kept may be anything. */
export function leftOut(kept: string | null): string[] {
  try {
    const found: unknown = JSON.parse(kept ?? '[]')
    return Array.isArray(found) ? found.filter((key) => typeof key === 'string') : []
  } catch {
    return []
  }
}

export const canBeLeftOut = (column: Column<never>): boolean => column.names !== true && column.hideHead !== true

/** The columns that are shown, and the entries of the menu that chooses them; no entries where there is no choice. */
export function useColumns<R>(table: string, columns: readonly Column<R>[]): { shown: readonly Column<R>[]; entries: MenuEntry[] } {
  const name = `columns.${table}`
  const [out, setOut] = useState(() => leftOut(remembered(name)))
  const shown = columns.filter((column) => !canBeLeftOut(column) || !out.includes(column.key))
  const set = (key: string, on: boolean) => {
    const next = on ? out.filter((other) => other !== key) : [...out, key]
    setOut(next)
    remember(name, next.length === 0 ? null : JSON.stringify(next))
  }
  const entries = columns.filter(canBeLeftOut).map((column): MenuEntry => {
    const on = shown.includes(column)
    return { label: column.head, checked: on, several: true, onSelect: () => set(column.key, !on) }
  })
  return { shown, entries }
}
