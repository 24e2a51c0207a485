// What the simulator asks, and the link that carries it. A link holds the inputs in its search part; a message
// that is too large for one is left to a file.

import type { TraceWish, WirePolicy } from '../../api/types'

/** How the message is given. */
export type Way = 'form' | 'file' | 'kept'

export interface Inputs {
  from: string
  /** One recipient a line. */
  to: string
  way: Way
  subject: string
  /** Header lines beside the subject. */
  headers: string
  /** A whole message. */
  eml: string
  /** The id of a message that was received. */
  kept: string
  ip: string
  direction: '' | 'inbound' | 'outbound'
  against: 'live' | 'draft'
}

export const BLANK: Inputs = { from: '', to: '', way: 'form', subject: '', headers: '', eml: '', kept: '', ip: '', direction: '', against: 'live' }

/** The recipients of a text: one a line, or several parted by commas. */
export function recipients(text: string): string[] {
  return text
    .split(/[\n,;]+/)
    .map((line) => line.trim())
    .filter((line) => line !== '')
}

/** The message of a form: its header lines and no body. */
export function messageOf(inputs: Inputs): string | null {
  if (inputs.way === 'file') return inputs.eml === '' ? null : inputs.eml
  if (inputs.way === 'kept') return null
  const lines = inputs.headers.split(/\r?\n/).filter((line) => line.trim() !== '')
  const subject = inputs.subject.replace(/[\r\n]+/g, ' ').trim()
  if (subject !== '') lines.unshift(`Subject: ${subject}`)
  return lines.length === 0 ? null : `${lines.join('\r\n')}\r\n\r\n`
}

/** The body of `POST /trace`. */
export function traceRequest(inputs: Inputs, policy: WirePolicy | null): TraceWish {
  const from = inputs.from.trim()
  return {
    from: from === '' ? '<>' : from,
    to: recipients(inputs.to),
    message: messageOf(inputs),
    message_id: inputs.way === 'kept' && inputs.kept.trim() !== '' ? inputs.kept.trim() : null,
    source_ip: inputs.ip.trim() === '' ? null : inputs.ip.trim(),
    direction: inputs.direction === '' ? null : inputs.direction,
    policy: inputs.against === 'draft' ? policy : null,
  }
}

const NAMES: Record<keyof Inputs, string> = {
  from: 'from',
  to: 'to',
  way: 'way',
  subject: 'subject',
  headers: 'headers',
  eml: 'eml',
  kept: 'message',
  ip: 'ip',
  direction: 'direction',
  against: 'against',
}

/** The longest link: servers in between may not take longer ones. */
const LONGEST = 6000

/** The search part of a link to these inputs; null where it would be too long. */
export function toSearch(inputs: Inputs): string | null {
  const params = new URLSearchParams()
  for (const name of Object.keys(NAMES) as (keyof Inputs)[]) {
    if (inputs[name] === BLANK[name]) continue
    if (name === 'to') for (const recipient of recipients(inputs.to)) params.append('to', recipient)
    else params.set(NAMES[name], inputs[name])
  }
  const text = params.toString()
  return text.length > LONGEST ? null : text
}

function oneOf<T extends string>(wanted: string | null, choices: readonly T[], otherwise: T): T {
  return choices.find((choice) => choice === wanted) ?? otherwise
}

/** The inputs that a link carries; what it does not say is blank. */
export function fromSearch(search: string): Inputs {
  const params = new URLSearchParams(search)
  const text = (name: keyof Inputs): string => params.get(NAMES[name]) ?? ''
  return {
    from: text('from'),
    to: params.getAll('to').join('\n'),
    way: oneOf(params.get('way'), ['form', 'file', 'kept'], params.has('message') ? 'kept' : 'form'),
    subject: text('subject'),
    headers: text('headers'),
    eml: text('eml'),
    kept: text('kept'),
    ip: text('ip'),
    direction: oneOf(params.get('direction'), ['', 'inbound', 'outbound'], ''),
    against: oneOf(params.get('against'), ['live', 'draft'], 'live'),
  }
}
