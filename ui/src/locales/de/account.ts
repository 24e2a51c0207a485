import type en from '../en/account'
import type { Message } from '../../lib/i18n'

const account: Record<keyof typeof en, Message> = {
}

export default account
