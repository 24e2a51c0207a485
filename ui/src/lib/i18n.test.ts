import { describe, expect, it } from 'vitest'
import de from '../locales/de'
import en from '../locales/en'
import { preferredLanguage, setLanguage, t, wordOf, type Message } from './i18n'

const forms = (message: Message): string[] => (typeof message === 'string' ? [message] : [message.one, message.other])
const places = (message: Message): string[] => [...new Set(forms(message).flatMap((text) => text.match(/\{\w+\}/g) ?? []))].sort()

describe('the catalogues', () => {
  for (const [area, messages] of Object.entries(en)) {
    const german = de[area as keyof typeof de] as Record<string, Message>
    it(`has every key of ${area} in German, with the same places and no empty text`, () => {
      expect(Object.keys(german).sort()).toEqual(Object.keys(messages).sort())
      for (const [key, message] of Object.entries(messages as Record<string, Message>)) {
        const other = german[key] as Message
        expect(places(other), `${area}.${key}`).toEqual(places(message))
        expect([...forms(message), ...forms(other)].every((text) => text.trim() !== ''), `${area}.${key}`).toBe(true)
        expect(typeof other, `${area}.${key}`).toBe(typeof message)
      }
    })
  }
})

describe('t', () => {
  it('fills places and groups numbers', async () => {
    await setLanguage('en')
    expect(t('common.shownOf', { shown: 100, total: 12345 })).toBe('100 of 12,345 shown')
  })
  it('takes the plural form of the language', async () => {
    await setLanguage('en')
    expect(t('common.linesWithErrors', { n: 1 })).toBe('1 line has a problem')
    expect(t('common.linesWithErrors', { n: 2 })).toBe('2 lines have problems')
    await setLanguage('de')
    expect(t('common.linesWithErrors', { n: 1 })).toBe('1 Zeile hat ein Problem')
    await setLanguage('en')
  })
  it('shows a word that it has no text for as it came', () => {
    expect(wordOf('why.no-mx', 'no-mx')).toBe('the domain takes no mail')
    for (const word of ['made-up', 'constructor', '__proto__', 'tls']) expect(wordOf(`why.${word}`, word)).toBe(word)
  })
  it('does not take a value that looks like a place for one', () => {
    expect(t('common.copyOf', { what: '{n}' })).toBe('Copy {n}')
  })
})

describe('the language to begin with', () => {
  it('is the first of the browser that there is a catalogue for', () => {
    expect(preferredLanguage(['fr-FR', 'de-AT', 'en'])).toBe('de')
    expect(preferredLanguage(['fr-FR'])).toBe('en')
  })
})
