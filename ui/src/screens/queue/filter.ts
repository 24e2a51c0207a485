// The filter over waiting mail as a text that both the box and the chips edit. The gateway reads it; here it is only
// taken apart where `and` joins comparisons, so that a chip can add, replace and take away its own.

/** The comparisons that a text joins by `and`; a text with `or` at its top is one. */
export function terms(text: string): string[] {
  const words = topWords(text)
  if (words.some((word) => word.text.toLowerCase() === 'or')) return [text.trim()]
  const found: string[] = []
  let begun = 0
  for (const word of words) {
    if (word.text.toLowerCase() !== 'and') continue
    found.push(text.slice(begun, word.at))
    begun = word.at + word.text.length
  }
  found.push(text.slice(begun))
  return found.map((term) => term.trim()).filter((term) => term !== '')
}

/** The field that a comparison is about: `age` of `age>=5m`; null for what is nested. */
export function fieldOf(term: string): string | null {
  const found = /^([a-z_]+)\s*(?:!=|<=|>=|==|=|<|>)/i.exec(term)
  return found?.[1]?.toLowerCase() ?? null
}

/** A value as the language reads it back: in quotes where it has to be. */
export function quoted(value: string): string {
  if (value !== '' && !/[\s()"\\]/u.test(value)) return value
  return `"${value.replace(/["\\]/g, '\\$&')}"`
}

/** The text with these comparisons in the place of all others about their fields. */
export function narrowed(text: string, wanted: Record<string, string[]>): string {
  const all = terms(text)
  const joined = all.length === 1 && topWords(text).some((word) => word.text.toLowerCase() === 'or')
  const stays = (term: string) => {
    const field = fieldOf(term)
    return field === null || !(field in wanted)
  }
  const kept = joined ? [`(${all[0] ?? ''})`] : all.filter(stays)
  return [...kept, ...Object.values(wanted).flat()].join(' and ')
}

/** The value that a text demands for a field by `=` alone; null where it demands none or several. */
export function demanded(text: string, field: string): string | null {
  const about = terms(text).filter((term) => fieldOf(term) === field)
  if (about.length !== 1) return null
  const found = /^[a-z_]+\s*==?\s*(.*)$/is.exec(about[0] ?? '')
  const value = found?.[1]
  if (value === undefined) return null
  return value.startsWith('"') ? value.slice(1, -1).replace(/\\(["\\])/g, '$1') : value
}

/** Comparisons for an age between two ends in seconds; null stands for no end. */
export function ages(from: number | null, to: number | null): string[] {
  const found: string[] = []
  if (from !== null && from > 0) found.push(`age>=${span(from)}`)
  if (to !== null) found.push(`age<${span(to)}`)
  return found
}

function span(seconds: number): string {
  if (seconds % 86_400 === 0) return `${String(seconds / 86_400)}d`
  if (seconds % 3_600 === 0) return `${String(seconds / 3_600)}h`
  if (seconds % 60 === 0) return `${String(seconds / 60)}m`
  return `${String(seconds)}s`
}

interface Word {
  text: string
  at: number
}

/** Words outside of quotes and parentheses. */
function topWords(text: string): Word[] {
  const found: Word[] = []
  let depth = 0
  let at = 0
  while (at < text.length) {
    const character = text[at] ?? ''
    if (character === '"') {
      at = endOfQuote(text, at)
    } else if (/[\s()]/.test(character)) {
      depth += character === '(' ? 1 : character === ')' ? -1 : 0
      at += 1
    } else {
      let end = at
      while (end < text.length && !/[\s()"]/.test(text[end] ?? '')) end += 1
      if (depth === 0) found.push({ text: text.slice(at, end), at })
      at = end
    }
  }
  return found
}

function endOfQuote(text: string, begun: number): number {
  let at = begun + 1
  while (at < text.length && text[at] !== '"') at += text[at] === '\\' ? 2 : 1
  return at + 1
}
