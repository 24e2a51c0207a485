// Which screen is at which path. Every folder of src/screens has a `routes.ts` that says its own; the file of a
// screen is fetched once, when it is first shown or when a link to it is about to be followed. A screen that is here
// is drawn at once: `React.lazy` would hold it back, since React shows a new part of the page at most every 300 ms.

import type { ComponentType } from 'react'
import type { Capability } from '../api/types'
import type { IconName } from '../design'
import type { Key } from '../lib/i18n'
import { match, onIntent, type Params } from '../lib/router'

/** What a screen is given: the parameters of its path. */
export interface ScreenProps {
  params: Params
}

/** Where an entry stands in the navigation. */
export interface NavEntry {
  /** The order over all entries, as the list of screens has it: Overview 10, Message Rules 20, Custom Rule Data 30,
   * TLS 40, Partner check 50, Simulator 60, Message history 70, Queue 80, Quarantine 90, Evidence 100, TLS report 110,
   * Domains and routes 120, Changes 130, Access 140, System 150. */
  order: number
  label: Key
  icon: IconName
  /** Shown only to those who may do this. */
  needs?: Capability
}

/** One path and its screen. */
export interface Route {
  /** `/rules/:id`. */
  path: string
  load: () => Promise<{ default: ComponentType<ScreenProps> }>
  nav?: NavEntry
  /** Drawn without the frame, and without a session: signing in, the first run. */
  open?: boolean
}

const found = import.meta.glob<{ default: Route[] }>('../screens/*/routes.ts', { eager: true })

export interface Screen extends Route {
  /** What draws it; null until its file is here. */
  Component: ComponentType<ScreenProps> | null
}

const screens: Screen[] = Object.values(found)
  .flatMap((module) => module.default)
  .map((route) => ({ ...route, Component: null }))

/** The entries of the navigation, in their order. */
export const navigation: (NavEntry & { path: string })[] = screens
  .flatMap((screen) => (screen.nav === undefined ? [] : [{ ...screen.nav, path: screen.path }]))
  .sort((a, b) => a.order - b.order)

/** The screen at a path. A path without parameters wins over one with them: `/rules/new` over `/rules/:id`. */
export function screenAt(path: string): { screen: Screen; params: Params } | null {
  const exact = screens.find((screen) => !screen.path.includes(':') && match(screen.path, path) !== null)
  if (exact !== undefined) return { screen: exact, params: {} }
  for (const screen of screens) {
    const params = match(screen.path, path)
    if (params !== null) return { screen, params }
  }
  return null
}

/** Fetches the file of a screen, unless it is here. */
export async function fetchScreen(screen: Screen): Promise<void> {
  screen.Component ??= (await screen.load()).default
}

/** Fetches the screen of a path beforehand. One that cannot be fetched says so when it is shown. */
export async function prepare(path: string): Promise<void> {
  const at = screenAt(path)
  if (at !== null) await fetchScreen(at.screen).catch(() => undefined)
}

onIntent((to) => void prepare(new URL(to, location.origin).pathname))
