// Comma-separated values as RFC 4180 has them.

export type Cell = string | number | boolean | null | undefined

/**
 * A document with a head. A cell that a spreadsheet would take for a formula gets an apostrophe before it: names and
 * replies come from strangers, and the file is opened by people.
 */
export function csv(head: string[], rows: Cell[][]): string {
  return [head, ...rows].map((row) => row.map(quoted).join(',') + '\r\n').join('')
}

function quoted(cell: Cell): string {
  if (cell === null || cell === undefined) return ''
  if (typeof cell !== 'string') return String(cell)
  const text = /^[=+\-@\t\r]/.test(cell) ? `'${cell}` : cell
  return /[",\r\n]/.test(text) || text !== text.trim() ? `"${text.replaceAll('"', '""')}"` : text
}
