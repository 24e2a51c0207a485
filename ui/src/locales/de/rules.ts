import type en from '../en/rules'
import type { Message } from '../../lib/i18n'

const rules: Record<keyof typeof en, Message> = {}

export default rules
