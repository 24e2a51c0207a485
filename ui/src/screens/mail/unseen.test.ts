import { describe, expect, it } from 'vitest'
import { runs, spelled } from './unseen'

describe('text of strangers', () => {
  it('is left alone where every character is seen', () => {
    for (const text of [
      'Invoice 4711',
      '<script>alert(1)</script>',
      'Grüße, 請求書, חשבונית',
      '👩\u200d💻',
      'می\u200cخواهم',
      '',
    ]) {
      expect(spelled(text)).toBe(text)
    }
  })

  it('shows what hides, turns or breaks', () => {
    expect(spelled('evil\u202Efdp.exe')).toBe('evil[U+202E]fdp.exe')
    expect(spelled('a\u0000b\u001b[31mc\u200bd\ufeff')).toBe('a[U+0000]b[U+001B][31mc[U+200B]d[U+FEFF]')
    expect(spelled('one\r\ntwo\u2028three')).toBe('one[U+000D][U+000A]two[U+2028]three')
    expect(spelled('\u{e0041}\ud800')).toBe('[U+E0041][U+D800]')
    expect(spelled('\u115f\u3164\u2066x\u2069')).toBe('[U+115F][U+3164][U+2066]x[U+2069]')
  })

  it('keeps the lines of a body, and nothing else', () => {
    expect(runs('one\r\ntwo\tthree\rfour', true)).toEqual([
      { text: 'one\ntwo\tthree', hidden: null },
      { text: '\r', hidden: '[U+000D]' },
      { text: 'four', hidden: null },
    ])
  })
})
