import type en from '../en/queue'
import type { Message } from '../../lib/i18n'

const queue: Record<keyof typeof en, Message> = {}

export default queue
