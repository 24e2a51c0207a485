import { describe, expect, it } from 'vitest'
import { entriesOf, NO_PREVIEW, renamed, withoutComment } from './paste'

describe('a pasted list', () => {
  it('has comments, blanks and other line ends', () => {
    expect(withoutComment('  partner.example  # since May')).toBe('partner.example')
    expect(withoutComment('an#na@c.example')).toBe('an#na@c.example')
    expect(withoutComment('# only this')).toBe('')
    const text = '\ufeff# our partners\r\nPartner.example.\r\n\r\nb.example'
    expect(entriesOf(text, NO_PREVIEW)).toEqual([
      { line: 2, text: 'Partner.example.', value: 'partner.example' },
      { line: 4, text: 'b.example', value: 'b.example' },
    ])
  })

  it('takes each entry once, by the name that the gateway compares', () => {
    const preview = {
      ...NO_PREVIEW,
      count: 2,
      entries: [{ line: 1, text: 'MÜNCHEN.example', normalized: 'xn--mnchen-3ya.example' }],
      duplicates: [{ line: 2, first_line: 1, value: 'xn--mnchen-3ya.example' }],
      errors: [{ line: 3, problem: 'no domain', remedy: '' }],
    }
    const entries = entriesOf('MÜNCHEN.example\nmünchen.example\nbad..example\nb.example\nB.example', preview)
    expect(entries.map((entry) => entry.value)).toEqual(['xn--mnchen-3ya.example', 'b.example'])
    expect(renamed(entries).map((entry) => entry.text)).toEqual(['MÜNCHEN.example'])
  })
})
