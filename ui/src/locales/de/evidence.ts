import type en from '../en/evidence'
import type { Message } from '../../lib/i18n'

const evidence: Record<keyof typeof en, Message> = {}

export default evidence
