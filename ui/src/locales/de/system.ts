import type en from '../en/system'
import type { Message } from '../../lib/i18n'

const system: Record<keyof typeof en, Message> = {
}

export default system
