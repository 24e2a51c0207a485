import type en from '../en/overview'
import type { Message } from '../../lib/i18n'

const overview: Record<keyof typeof en, Message> = {
}

export default overview
