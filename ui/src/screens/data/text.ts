// Lists as text.

import { fold } from '../../draft/document'
import type { DataKind } from '../../draft/types'

/**
 * How many values a text holds, near enough for a list of lists: lines that are not blank, each once, without
 * comments where the kind has them. The gateway's own count is shown where the list is being edited.
 */
export function roughCount(kind: DataKind, text: string): number {
  const comments = kind === 'domains' || kind === 'networks'
  const values = new Set<string>()
  for (const line of text.split('\n')) {
    const value = fold(comments ? (line.split('#')[0] ?? '') : line).replace(/\.$/, '')
    if (value !== '') values.add(value)
  }
  return values.size
}
