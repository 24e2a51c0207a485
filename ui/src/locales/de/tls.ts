import type en from '../en/tls'
import type { Message } from '../../lib/i18n'

const tls: Record<keyof typeof en, Message> = {}

export default tls
