// A pasted list of domains: what the gateway's preview says about it, and the entries that come out of it.

import type { ListPreview } from '../../api/types'

/** The preview of an empty text. */
export const NO_PREVIEW: ListPreview = { count: 0, entries: [], duplicates: [], errors: [], warnings: [], more: { duplicates: 0, entries: 0, errors: 0, warnings: 0 } }

/** One entry of the list, as it is compared. */
export interface ListEntry {
  line: number
  /** As it was typed. */
  text: string
  /** As the gateway compares it. */
  value: string
}

/** A line without its comment and blanks; a `#` within the local part of an address begins none. */
export function withoutComment(line: string): string {
  for (let at = line.indexOf('#'); at >= 0; at = line.indexOf('#', at + 1)) {
    const before = line.slice(0, at)
    const word = line.slice(at).split(/[ \t]/, 1)[0] ?? ''
    const glued = before !== '' && !/[ \t]$/.test(before)
    if (!(glued && word.includes('@') && !before.includes('@'))) return before.trim()
  }
  return line.trim()
}

/** Every entry once, without the lines that the gateway cannot use. The preview names only what it changed. */
export function entriesOf(text: string, preview: ListPreview): ListEntry[] {
  const named = new Map(preview.entries.map((entry) => [entry.line, entry.normalized]))
  const unusable = new Set([...preview.errors, ...preview.duplicates].map((problem) => problem.line))
  const seen = new Set<string>()
  const found: ListEntry[] = []
  for (const [at, whole] of text.replace(/^\ufeff/, '').split(/\r\n|\n|\r/).entries()) {
    const line = at + 1
    const typed = withoutComment(whole)
    if (typed === '' || unusable.has(line)) continue
    const value = named.get(line) ?? typed.toLowerCase().replace(/\.$/, '')
    if (seen.has(value)) continue
    seen.add(value)
    found.push({ line, text: typed, value })
  }
  return found
}

/** Entries that read otherwise than they were typed: what a person may want to look at. */
export function renamed(entries: ListEntry[]): ListEntry[] {
  return entries.filter((entry) => entry.value !== entry.text)
}
