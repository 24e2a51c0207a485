// Revisions of the policy, as the API gives them.

/** A revision's number in an address; null where it is none. */
export function revisionNumber(text: string | undefined): number | null {
  return text !== undefined && /^[1-9]\d{0,15}$/.test(text) ? Number(text) : null
}

/** The two sides of a comparison, the older first; null where the inputs are no two revisions. */
export function comparison(from: string, to: string): { from: number; to: number } | null {
  const [a, b] = [revisionNumber(from.trim()), revisionNumber(to.trim())]
  if (a === null || b === null || a === b) return null
  return { from: Math.min(a, b), to: Math.max(a, b) }
}
