import type en from '../en/session'
import type { Message } from '../../lib/i18n'

const session: Record<keyof typeof en, Message> = {
  title: 'Anmelden',
  name: 'Name',
  password: 'Passwort',
  signIn: 'Anmelden',
  intro: 'bei {hostname}',
  code: 'Code',
  codeHint: 'Sechs Ziffern aus Ihrer Authenticator-App oder ein Wiederherstellungscode.',
  codeTitle: 'Zweiter Faktor',
  codeWrong: 'Dieser Code war falsch. Codes wechseln alle 30 Sekunden, und jeder gilt einmal.',
  verify: 'Bestätigen',
  startOver: 'Als jemand anderes anmelden',
  wrong: 'Name oder Passwort ist falsch.',
  locked: 'Zu viele Fehlversuche. Warten Sie {time} und versuchen Sie es dann erneut.',
  nameMissing: 'Geben Sie Ihren Namen ein.',
  passwordMissing: 'Geben Sie Ihr Passwort ein.',
  codeMissing: 'Geben Sie den Code ein.',
  oidc: 'Mit {name} anmelden',
  or: 'oder',
  oidcFailed: 'Die Anmeldung mit {name} hat nicht geklappt. {detail}',
  expiredTitle: 'Ihre Sitzung ist beendet',
  expiredText: 'Melden Sie sich erneut an. Was Sie eingegeben haben, ist noch da.',
  leave: 'Verlassen und Ungespeichertes verlieren',
  setupNeeded: 'Dieses Gateway hat noch keinen Eigentümer. Öffnen Sie den Einmal-Link, den es beim Start ausgegeben hat.',
}

export default session
