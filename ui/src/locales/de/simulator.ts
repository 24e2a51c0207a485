import type en from '../en/simulator'
import type { Message } from '../../lib/i18n'

const simulator: Record<keyof typeof en, Message> = {}

export default simulator
