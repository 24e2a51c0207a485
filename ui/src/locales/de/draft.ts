import type en from '../en/draft'
import type { Message } from '../../lib/i18n'

const draft: Record<keyof typeof en, Message> = {}

export default draft
