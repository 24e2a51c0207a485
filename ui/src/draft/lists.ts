/**
 * Lists that come from files: a text file with one value a line, or a CSV of which
 * the first column counts. And lists that go into files.
 */

/** What was read of a file. */
export interface Imported {
  values: string[]
  /** The head of the first column, where the file seems to have one; it is not among the values. */
  head: string | null
}

/** The first field of a CSV line (RFC 4180), as it was meant. */
function firstField(line: string, separator: string): string {
  const trimmed = line.trim()
  if (!trimmed.startsWith('"')) return (trimmed.split(separator)[0] ?? '').trim()
  let field = ''
  for (let at = 1; at < trimmed.length; at += 1) {
    const mark = trimmed.charAt(at)
    if (mark !== '"') field += mark
    else if (trimmed.charAt(at + 1) === '"') {
      field += '"'
      at += 1
    } else break
  }
  return field.trim()
}

/** The separator that a CSV uses: the one that most lines have; null where it is no CSV. */
function separatorOf(lines: readonly string[]): string | null {
  const counts = [';', '\t', ','].map((mark) => ({ mark, count: lines.filter((line) => line.includes(mark)).length }))
  const best = counts.reduce((a, b) => (b.count > a.count ? b : a))
  return best.count > 0 ? best.mark : null
}

/** Reads a file's text. Comments and blank lines of a list without columns are kept as they are. */
export function importValues(text: string, kind: string): Imported {
  const lines = text.replace(/^\uFEFF/, '').split(/\r\n|\r|\n/)
  while (lines.length > 0 && lines.at(-1)?.trim() === '') lines.pop()
  const quoted = lines.some((line) => line.trim().startsWith('"'))
  const separator =
    kind === 'regex' || kind === 'text' ? null : separatorOf(lines.filter((line) => !line.trim().startsWith('#')))
  if (separator === null && !(quoted && kind !== 'regex' && kind !== 'text')) return { values: lines, head: null }
  const values = lines.map((line) => (line.trim().startsWith('#') ? line : firstField(line, separator ?? ',')))
  const head = values[0] ?? ''
  const isHead = head !== '' && !/[.:#@/]/.test(head)
  return isHead ? { values: values.slice(1), head } : { values, head: null }
}

/** A list as a text file: one value a line, a line break at the end. */
export function exportText(values: string): string {
  const text = values.replace(/\r\n|\r/g, '\n').trimEnd()
  return text === '' ? '' : `${text}\n`
}
