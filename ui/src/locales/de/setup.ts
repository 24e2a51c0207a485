import type en from '../en/setup'
import type { Message } from '../../lib/i18n'

const setup: Record<keyof typeof en, Message> = {
}

export default setup
