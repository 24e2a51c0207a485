// Whether a text on the screen is of the English catalogue although the console speaks German. What is data (a rule's
// name, an address, a sentence of the gateway) is of no catalogue, and words that both languages share do not count.
// Data is what the gateway answered; a single word in small letters is none, since those are what has to be put into
// words.

import type { Page, Response } from 'playwright-core'
import type { Message } from '../src/lib/i18n'
import de from '../src/locales/de'
import en from '../src/locales/en'

const forms = (message: Message): string[] => (typeof message === 'string' ? [message] : [message.one, message.other])

/** Every text of a catalogue with its key. */
function texts(catalogue: Record<string, Record<string, Message>>): [key: string, text: string][] {
  return Object.entries(catalogue).flatMap(([area, messages]) =>
    Object.entries(messages).flatMap(([key, message]) => forms(message).map((text): [string, string] => [`${area}.${key}`, text])),
  )
}

const place = /\{\w+\}/g
const literal = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
/** A text with its places filled by something. One without a word of its own says nothing. */
const pattern = (text: string): RegExp | null => (/[A-Za-z]{3}/.test(text.replace(place, '')) ? new RegExp(`^${text.split(place).map(literal).join('.+')}$`, 's') : null)

const german = new Set(texts(de).map(([, text]) => text))
const english = texts(en).flatMap(([key, text]): [string, RegExp][] => {
  const wanted = german.has(text) ? null : pattern(text)
  return wanted === null ? [] : [[key, wanted]]
})

/** The key whose English text this is; null where it is none. */
export function englishKey(text: string): string | null {
  if (german.has(text)) return null
  return english.find(([, wanted]) => wanted.test(text))?.[0] ?? null
}

/** Every text of a page: what is drawn, what is read out, what stands in empty fields. */
export function textsOn(page: Page): Promise<string[]> {
  return page.evaluate(() => {
    const found = new Set<string>()
    const add = (text: string | null) => {
      const one = (text ?? '').replace(/\s+/g, ' ').trim()
      if (one !== '') found.add(one)
    }
    for (const element of document.body.querySelectorAll('*')) {
      if (element.closest('code, pre, script, style') !== null) continue
      for (const name of ['aria-label', 'aria-description', 'title', 'placeholder', 'alt']) add(element.getAttribute(name))
      for (const node of element.childNodes) if (node.nodeType === Node.TEXT_NODE) add(node.nodeValue)
      // a sentence with something set apart in it
      if (element.matches('p, li, dt, dd, label, legend, summary, td, th, span, button, a, h1, h2, h3')) add(element.textContent)
    }
    return [...found]
  })
}

function stringsOf(value: unknown): string[] {
  if (typeof value === 'string') return [value.replace(/\s+/g, ' ').trim()]
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(stringsOf) : []
}

/** Listens to what the gateway answers to a page; gives every string of it so far. */
export function dataOf(page: Page): () => Promise<Set<string>> {
  const answers: Promise<string[]>[] = []
  const read = async (response: Response): Promise<string[]> => {
    const isData = response.url().includes('/api/') && (response.headers()['content-type'] ?? '').includes('json')
    // an answer to a page that was left is nobody's
    return isData ? stringsOf(await response.json().catch(() => null)) : []
  }
  page.on('response', (response) => answers.push(read(response)))
  return async () => new Set((await Promise.all(answers)).flat().filter((text) => !/^[a-z_-]+$/.test(text)))
}
