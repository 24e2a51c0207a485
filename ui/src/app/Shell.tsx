// The frame: skip link, brand, navigation, account menu, and the screen in the middle. On a small screen the
// navigation opens over the screen, from a button.

import { useEffect, useRef, useState, type ReactNode } from 'react'
import { currentLanguage, languages, setLanguage, t, type Key, type Language } from '../lib/i18n'
import { Link } from '../lib/router'
import { Button, Icon, Menu, toast, problemText, type MenuEntry } from '../design'
import { DraftSlot } from './DraftSlot'
import { navigation } from './routes'
import { roleName, useSession, useUser } from './session'
import { chosenTheme, chooseTheme, type Theme } from './theme'

export function Shell({ path, children }: { path: string; children: ReactNode }) {
  const { session } = useSession()
  const [open, setOpen] = useState(false)
  const button = useRef<HTMLButtonElement>(null)
  useEffect(() => setOpen(false), [path])
  return (
    <div className="shell" data-nav={open || undefined}>
      <a className="skip" href="#main">
        {t('nav.skip')}
      </a>
      <header className="shell-head">
        <Button
          ref={button}
          kind="quiet"
          icon={open ? 'close' : 'menu'}
          label={open ? t('nav.closeMenu') : t('nav.menu')}
          className="shell-toggle"
          aria-expanded={open}
          aria-controls="shell-nav"
          onClick={() => setOpen(!open)}
        />
        <Link to="/" className="brand">
          <img src="/icon.svg" alt="" width="26" height="26" />
          <span className="brand-name">Gatepost</span>
        </Link>
        <span className="shell-host muted small">{session?.hostname}</span>
        <AccountMenu />
      </header>
      <nav
        id="shell-nav"
        className="shell-nav"
        aria-label={t('nav.main')}
        onKeyDown={(event) => {
          if (event.key === 'Escape' && open) {
            setOpen(false)
            button.current?.focus()
          }
        }}
      >
        <Navigation path={path} />
      </nav>
      {open && <div className="shell-shade" onClick={() => setOpen(false)} />}
      <div className="shell-main">
        <DraftSlot />
        <main id="main" tabIndex={-1} className="shell-screen">
          {children}
        </main>
      </div>
    </div>
  )
}

const groups: readonly { from: number; to: number; label: Key | null }[] = [
  { from: 0, to: 19, label: null },
  { from: 20, to: 69, label: 'nav.groupPolicy' },
  { from: 70, to: 99, label: 'nav.groupMail' },
  { from: 100, to: 119, label: 'nav.groupProof' },
  { from: 120, to: 999, label: 'nav.groupAdmin' },
]

function Navigation({ path }: { path: string }) {
  const user = useUser()
  const mine = navigation.filter((entry) => entry.needs === undefined || user.capabilities.includes(entry.needs))
  // The longest path that the current one lies under: `/tls/check` marks Partner check, not TLS.
  const current = mine
    .filter((entry) => (entry.path === '/' ? path === '/' : path === entry.path || path.startsWith(`${entry.path}/`)))
    .sort((a, b) => b.path.length - a.path.length)[0]
  return groups.map((group) => {
    const entries = mine.filter((entry) => entry.order >= group.from && entry.order <= group.to)
    if (entries.length === 0) return null
    return (
      <div key={group.from} className="nav-group">
        {group.label !== null && <p className="nav-label">{t(group.label)}</p>}
        <ul className="plain">
          {entries.map((entry) => (
            <li key={entry.path}>
              <Link to={entry.path} className="nav-link" current={entry === current}>
                <Icon name={entry.icon} />
                {t(entry.label)}
              </Link>
            </li>
          ))}
        </ul>
      </div>
    )
  })
}

const themes: readonly { theme: Theme; label: Key }[] = [
  { theme: 'auto', label: 'nav.themeAuto' },
  { theme: 'light', label: 'nav.themeLight' },
  { theme: 'dark', label: 'nav.themeDark' },
]

/** The entries that choose theme and language; the screen for signing in has them too. */
export function useLookEntries(): MenuEntry[] {
  const [theme, setTheme] = useState(chosenTheme)
  return [
    { heading: t('nav.theme') },
    ...themes.map((entry) => ({
      label: t(entry.label),
      checked: entry.theme === theme,
      onSelect: () => {
        chooseTheme(entry.theme)
        setTheme(entry.theme)
      },
    })),
    'separator' as const,
    { heading: t('nav.language') },
    ...Object.entries(languages).map(([language, label]) => ({
      label,
      checked: language === currentLanguage(),
      onSelect: () => void setLanguage(language as Language),
    })),
  ]
}

function AccountMenu() {
  const user = useUser()
  const { signOut } = useSession()
  const look = useLookEntries()
  const entries: MenuEntry[] = [
    { heading: `${user.name} · ${roleName(user.role)}` },
    { label: t('nav.account'), icon: 'user', to: '/account' },
    'separator',
    ...look,
    'separator',
    { label: t('nav.signOut'), icon: 'logout', onSelect: () => void signOut().catch((error: unknown) => toast(problemText(error), 'bad')) },
  ]
  return (
    <Menu label={t('nav.accountMenu', { name: user.name })} entries={entries} small={false} className="shell-account">
      <Icon name="user" />
      <span className="shell-user">{user.name}</span>
      <Icon name="chevron" />
    </Menu>
  )
}
