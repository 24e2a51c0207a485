import type en from '../en/changes'
import type { Message } from '../../lib/i18n'

const changes: Record<keyof typeof en, Message> = {}

export default changes
