import type en from '../en/quarantine'
import type { Message } from '../../lib/i18n'

const quarantine: Record<keyof typeof en, Message> = {}

export default quarantine
