// Light or dark: as the system says, unless the reader chose.

import { remembered, remember } from '../lib/storage'

export type Theme = 'auto' | 'light' | 'dark'

const dark = () => window.matchMedia('(prefers-color-scheme: dark)')

/** What the reader chose. */
export function chosenTheme(): Theme {
  const kept = remembered('theme')
  return kept === 'light' || kept === 'dark' ? kept : 'auto'
}

function draw(): void {
  const theme = chosenTheme()
  document.documentElement.dataset.theme = theme === 'auto' ? (dark().matches ? 'dark' : 'light') : theme
}

/** Draws the chosen theme, and follows the system from now on. */
export function applyTheme(): void {
  draw()
  dark().addEventListener('change', draw)
}

export function chooseTheme(theme: Theme): void {
  remember('theme', theme === 'auto' ? null : theme)
  draw()
}
