import type en from '../en/access'
import type { Message } from '../../lib/i18n'

const access: Record<keyof typeof en, Message> = {
}

export default access
