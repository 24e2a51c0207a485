import type en from '../en/data'
import type { Message } from '../../lib/i18n'

const data: Record<keyof typeof en, Message> = {}

export default data
