// The words of the console. Every text that people read comes from a catalogue; English is the source, and a
// language that lacks a key of it does not compile. What a machine said (an SMTP reply, a finding of the
// gateway) is shown as it came and never translated.
//
// `t` is a plain function: a change of language mounts the application anew, so nothing has to subscribe.

import { Fragment, type ReactNode } from 'react'
import en from '../locales/en'
import { remembered, remember } from './storage'

/** A text, or one text for each plural form of the value `n`. */
export type Message = string | { one: string; other: string }

/** The English catalogue: areas, each a flat list of messages. */
export type Catalogue = { [A in keyof typeof en]: Record<keyof (typeof en)[A] & string, Message> }

/** A key: the area, a full stop, the name. */
export type Key = { [A in keyof typeof en]: `${A}.${keyof (typeof en)[A] & string}` }[keyof typeof en]

/** What a message's `{name}` places are filled with. Numbers are written as the reader's locale has them. */
export type Values = Record<string, string | number>

/** The languages there is a catalogue for, by their own names. */
export const languages = { en: 'English', de: 'Deutsch' } as const
export type Language = keyof typeof languages

const catalogues: Record<Language, () => Promise<Catalogue>> = {
  en: () => Promise.resolve(en),
  de: () => import('../locales/de').then((m) => m.default),
}

let language: Language = 'en'
let catalogue: Catalogue = en
const listeners = new Set<() => void>()

/** The language that the console speaks now. */
export const currentLanguage = (): Language => language

/** Calls back when the language has changed; returns how to stop that. */
export function onLanguage(listener: () => void): () => void {
  listeners.add(listener)
  return () => listeners.delete(listener)
}

/** Loads a language's words and makes them those of the console. */
export async function setLanguage(wanted: Language): Promise<void> {
  catalogue = await catalogues[wanted]()
  language = wanted
  remember('language', wanted)
  if (typeof document !== 'undefined') document.documentElement.lang = wanted
  listeners.forEach((listener) => listener())
}

/** The language to begin with: the one chosen before, else the first of the browser's that there is a catalogue for. */
export function preferredLanguage(asked: readonly string[] = navigator.languages): Language {
  const chosen = remembered('language')
  if (chosen !== null && chosen in languages) return chosen as Language
  for (const tag of asked) {
    const base = tag.toLowerCase().split('-')[0] ?? ''
    if (base in languages) return base as Language
  }
  return 'en'
}

/** The locale for dates and numbers: the browser's own where it is of the console's language, else the language. */
export function locale(): string {
  const own = typeof navigator === 'undefined' ? undefined : navigator.languages.find((tag) => tag.toLowerCase().split('-')[0] === language)
  return own ?? language
}

/** What a catalogue has for a key. Keys may be made of words of the gateway: only what the catalogue itself has counts. */
function lookUp(key: string): Message | undefined {
  const dot = key.indexOf('.')
  const area = catalogue[key.slice(0, dot) as keyof Catalogue] as Record<string, Message> | undefined
  const name = key.slice(dot + 1)
  return area !== undefined && Object.hasOwn(area, name) ? area[name] : undefined
}

function message(key: string, values: Record<string, unknown>): string {
  const found = lookUp(key)
  if (found === undefined) return key
  if (typeof found === 'string') return found
  const n = typeof values.n === 'number' ? values.n : 0
  return new Intl.PluralRules(language).select(n) === 'one' ? found.one : found.other
}

const place = /\{([a-zA-Z0-9_]+)\}/g

/** The text of a key, with its places filled. */
export const t = (key: Key, values: Values = {}): string => filled(key, values)

/** The text of a key that is made of a word of the gateway; `plain` where the console has none for that word. */
export const wordOf = (key: string, plain: string, values: Values = {}): string => (lookUp(key) === undefined ? plain : filled(key, values))

function filled(key: string, values: Values): string {
  return message(key, values).replace(place, (whole, name: string) => {
    const value = values[name]
    if (value === undefined) return whole
    return typeof value === 'number' ? new Intl.NumberFormat(locale()).format(value) : value
  })
}

/** The text of a key with React nodes in its places: `<T id="x.y" values={{ name: <code>a</code> }} />`. */
export function T({ id, values }: { id: Key; values: Record<string, ReactNode> }): ReactNode {
  const parts = message(id, values).split(place)
  return parts.map((part, i) => {
    if (i % 2 === 0) return <Fragment key={i}>{part}</Fragment>
    const value = values[part]
    return <Fragment key={i}>{typeof value === 'number' ? new Intl.NumberFormat(locale()).format(value) : value}</Fragment>
  })
}
