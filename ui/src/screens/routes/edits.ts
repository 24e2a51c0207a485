// What this screen does to the draft. Every function takes a document and gives a new one; everything that is not
// of the edited entry stays the same object.

import type { Domain, OutboundSource, PolicyDocument, SmartHost } from '../../draft/types'

/** The three lists of the policy that say where mail goes. */
export interface Lists {
  domain: Domain
  outbound_source: OutboundSource
  smart_host: SmartHost
}

/** Puts an entry in the place of another; an index that is not there yet adds it at the end. */
export function put<A extends keyof Lists>(document: PolicyDocument, area: A, index: number, entry: Lists[A]): PolicyDocument {
  const list = [...document[area]] as Lists[A][]
  // What an entry has besides, from a newer gateway, is carried along.
  list.splice(index, 1, { ...list[index], ...entry })
  return { ...document, [area]: list }
}

/** Takes an entry away. */
export function remove(document: PolicyDocument, area: keyof Lists, index: number): PolicyDocument {
  return { ...document, [area]: (document[area] as unknown[]).filter((_, i) => i !== index) }
}

/** Words of a box, split at commas, blanks and lines. */
export const words = (text: string): string[] => text.split(/[\s,]+/).filter((word) => word !== '')

/** A number as a field has it; what is no whole number stays for the gateway to refuse with its reason. */
export function wholeNumber(text: string): number | null {
  return /^\d{1,9}$/.test(text.trim()) ? Number(text.trim()) : null
}
