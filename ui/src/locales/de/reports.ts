import type en from '../en/reports'
import type { Message } from '../../lib/i18n'

const reports: Record<keyof typeof en, Message> = {}

export default reports
