import type en from '../en/nav'
import type { Message } from '../../lib/i18n'

const nav: Record<keyof typeof en, Message> = {
  skip: 'Zum Inhalt springen',
  main: 'Hauptnavigation',
  menu: 'Menü',
  closeMenu: 'Menü schließen',
  groupPolicy: 'Richtlinie',
  groupMail: 'Mail',
  groupProof: 'Nachweis',
  groupAdmin: 'Verwaltung',
  overview: 'Übersicht',
  rules: 'Message Rules',
  ruleData: 'Custom Rule Data',
  tls: 'TLS',
  check: 'Partnerprüfung',
  simulator: 'Simulator',
  history: 'Nachrichtenverlauf',
  queue: 'Warteschlange',
  quarantine: 'Quarantäne',
  evidence: 'Nachweise',
  reports: 'TLS-Bericht',
  routes: 'Domänen und Routen',
  changes: 'Änderungen',
  audit: 'Prüfprotokoll',
  access: 'Zugang',
  system: 'System',
  account: 'Ihr Konto',
  accountMenu: 'Kontomenü von {name}',
  signOut: 'Abmelden',
  theme: 'Darstellung',
  themeAuto: 'Wie das System',
  themeLight: 'Hell',
  themeDark: 'Dunkel',
  language: 'Sprache',
}

export default nav
