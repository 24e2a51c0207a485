import type en from '../en/routes'
import type { Message } from '../../lib/i18n'

const routes: Record<keyof typeof en, Message> = {
}

export default routes
