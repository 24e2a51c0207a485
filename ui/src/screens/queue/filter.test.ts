import { describe, expect, it } from 'vitest'
import { ages, demanded, fieldOf, narrowed, quoted, terms } from './filter'

describe('the filter as text', () => {
  it('comes apart at `and`, not within quotes, parentheses or words', () => {
    expect(terms('domain=a.example and state=held')).toEqual(['domain=a.example', 'state=held'])
    expect(terms('sender="a and b@x" AND (age>1h and age<2h)')).toEqual(['sender="a and b@x"', '(age>1h and age<2h)'])
    expect(terms('domain=and.example')).toEqual(['domain=and.example'])
    expect(terms('domain=a or domain=b and age>1h')).toEqual(['domain=a or domain=b and age>1h'])
    expect(terms('  ')).toEqual([])
    expect(terms('sender="an \\" and quote" and age>1h')).toEqual(['sender="an \\" and quote"', 'age>1h'])
  })

  it('knows what a comparison is about', () => {
    expect(fieldOf('age >= 5m')).toBe('age')
    expect(fieldOf('Domain!=x')).toBe('domain')
    expect(fieldOf('not state=held')).toBeNull()
    expect(fieldOf('(age>1h)')).toBeNull()
  })

  it('lets a chip replace its own comparisons and no others', () => {
    expect(narrowed('', { state: ['state=held'] })).toBe('state=held')
    expect(narrowed('age>1h and state=held and domain=x', { state: ['state=waiting'] })).toBe(
      'age>1h and domain=x and state=waiting',
    )
    expect(narrowed('age>1h and age<2h and domain=x', { age: [], domain: [] })).toBe('')
    expect(narrowed('domain=a or domain=b', { state: ['state=held'] })).toBe('(domain=a or domain=b) and state=held')
    expect(narrowed('not state=held', { state: ['state=waiting'] })).toBe('not state=held and state=waiting')
  })

  it('says which chip is pressed', () => {
    expect(demanded('domain=a.example and state=held', 'state')).toBe('held')
    expect(demanded('state!=held', 'state')).toBeNull()
    expect(demanded('state=held and state=waiting', 'state')).toBeNull()
    expect(demanded('sender="a \\"b\\" c"', 'sender')).toBe('a "b" c')
  })

  it('quotes what the language would not read as one value', () => {
    expect(quoted('a.example')).toBe('a.example')
    expect(quoted('a b"c\\')).toBe('"a b\\"c\\\\"')
    expect(quoted('')).toBe('""')
  })

  it('names a stretch of ages in the largest unit that is exact', () => {
    expect(ages(0, 300)).toEqual(['age<5m'])
    expect(ages(300, 7200)).toEqual(['age>=5m', 'age<2h'])
    expect(ages(86_400, null)).toEqual(['age>=1d'])
    expect(ages(null, 90)).toEqual(['age<90s'])
  })
})
