// Text that strangers wrote, made safe to look at: nothing in it moves the reading direction, hides a letter or breaks
// a line unseen. React keeps markup inert; this keeps characters honest.

/** A run of a text: shown as it is, or a character that is not seen and therefore named. */
export interface Run {
  text: string
  /** The code point as `[U+202E]`, where the run stands for a character that cannot be seen; else null. */
  hidden: string | null
}

// C0 and C1 controls, soft hyphen, combining grapheme joiner, Arabic letter mark, Hangul fillers, Mongolian vowel
// separator, zero-width and bidirectional controls, line and paragraph separators, invisible operators, variation
// selectors of the supplementary plane, tags, the byte order mark, interlinear annotations, lone surrogates.
const UNSEEN =
  /[\u0000-\u001f\u007f-\u009f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164\ufeff\uffa0\ufff0-\ufffb\u{e0000}-\u{e0fff}\ud800-\udfff]/u

// A joiner between two letters of a script that needs it, or between two pictures, shapes what is seen.
const JOINED =
  /[\p{Extended_Pictographic}\p{Emoji_Modifier}\ufe0f\p{Script=Arabic}\p{Script=Syriac}\p{Script=Devanagari}\p{Script=Bengali}\p{Script=Gurmukhi}\p{Script=Gujarati}\p{Script=Tamil}\p{Script=Telugu}\p{Script=Kannada}\p{Script=Malayalam}\p{Script=Sinhala}]/u

function joins(character: string, before: string | undefined, after: string | undefined): boolean {
  return /[\u200c\u200d]/.test(character) && JOINED.test(before ?? '') && JOINED.test(after ?? '')
}

/** Splits a text into runs that are shown and characters that are named. Lines break only where `lines` is set. */
export function runs(text: string, lines = false): Run[] {
  const found: Run[] = []
  let plain = ''
  const flush = () => {
    if (plain !== '') found.push({ text: plain, hidden: null })
    plain = ''
  }
  const characters = Array.from(lines ? text.replaceAll('\r\n', '\n') : text)
  for (const [at, character] of characters.entries()) {
    const shown = !UNSEEN.test(character) || joins(character, characters[at - 1], characters[at + 1])
    if (shown || (lines && (character === '\n' || character === '\t'))) {
      plain += character
      continue
    }
    flush()
    const code = character.codePointAt(0) ?? 0
    found.push({ text: character, hidden: `[U+${code.toString(16).toUpperCase().padStart(4, '0')}]` })
  }
  flush()
  return found
}

/** The same as one text, for attributes and the clipboard: `a[U+202E]b`. */
export function spelled(text: string): string {
  return runs(text)
    .map((run) => run.hidden ?? run.text)
    .join('')
}
