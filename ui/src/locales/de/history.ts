import type en from '../en/history'
import type { Message } from '../../lib/i18n'

const history: Record<keyof typeof en, Message> = {}

export default history
