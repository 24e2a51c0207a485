import type en from '../en/reports'
import type { Message } from '../../lib/i18n'

const reports: Record<keyof typeof en, Message> = {
  title: 'TLS-Bericht',
  lead: 'Wie viel E-Mail unter TLS hinausging, Tag für Tag und Domain für Domain.',
  domain: 'Nur diese Domain',
  chart: 'Zustellungen am Tag',
  chartText: 'Zustellungen von {from} bis {to}: {tls13} unter TLS 1.3, {tls12} unter TLS 1.2, {none} im Klartext. Die Tabelle darunter hat dieselben Zahlen.',
  asTable: 'Dasselbe als Tabelle',
  day: 'Tag',
  tls13: 'TLS 1.3',
  tls12: 'TLS 1.2',
  none: 'Klartext',
  verified: 'Geprüft',
  waiting: 'Wartete auf TLS',
  bounced: 'Wegen TLS zurückgegeben',
  delivered: 'Zugestellt',
  overTls: 'Unter TLS',
  share: 'Anteil',
  clearText: 'Im Klartext',
  waitingNow: 'Wartet jetzt',
  last: 'Zuletzt',
  domains: 'Nach Domain',
  empty: 'In diesem Zeitraum wurde nichts zugestellt, und nichts wartete auf TLS.',
  tileShare: 'Unter TLS',
  tileVerified: 'Geprüft',
  tileClear: 'Im Klartext',
  tileRefused: 'Auf TLS gewartet oder zurückgegeben',
  csvDays: 'Tage als CSV herunterladen',
  csvDomains: 'Domains als CSV herunterladen',
}

export default reports
