// Small marks. Each carries a word; its colour and icon only help.

import { Chip, type ChipTone, type IconName } from '../../design'
import { clearWord, levelWord, outcomeWord, stateWord } from './words'
import type { NoTls, TlsRecord } from '../../api/types'

const stateLook: Record<string, [ChipTone, IconName]> = {
  waiting: ['warn', 'clock'],
  sending: ['info', 'play'],
  held: ['bad', 'pause'],
  delivered: ['ok', 'check'],
  bounced: ['bad', 'undo'],
  quarantined: ['warn', 'quarantine'],
  rejected: ['bad', 'stop'],
  deleted: ['quiet', 'trash'],
}

export function StateChip({ state }: { state: string }) {
  const [tone, icon] = stateLook[state] ?? ['quiet', 'info']
  return (
    <Chip tone={tone} icon={icon}>
      {stateWord(state)}
    </Chip>
  )
}

const outcomeLook: Record<string, [ChipTone, IconName]> = {
  delivered: ['ok', 'check'],
  deferred: ['warn', 'clock'],
  bounced: ['bad', 'undo'],
}

export function OutcomeChip({ outcome }: { outcome: string }) {
  const [tone, icon] = outcomeLook[outcome] ?? ['quiet', 'info']
  return (
    <Chip tone={tone} icon={icon}>
      {outcomeWord(outcome)}
    </Chip>
  )
}

export function LevelChip({ level }: { level: string | null }) {
  if (level === null) return null
  const enforced = !['plain', 'try'].includes(level)
  return (
    <Chip tone={enforced ? 'accent' : 'quiet'} icon={enforced ? 'lock' : level === 'plain' ? 'unlock' : 'shield'}>
      {levelWord(level)}
    </Chip>
  )
}

/** How a connection was: its TLS version, or clear text. */
export function TlsChip({ tls, clear }: { tls: TlsRecord | string | null; clear: NoTls | null }) {
  if (tls !== null) {
    return (
      <Chip tone="ok" icon="lock">
        {typeof tls === 'string' ? tls : tls.version}
      </Chip>
    )
  }
  return clear === null ? null : (
    <Chip tone="warn" icon="unlock">
      {clearWord(clear)}
    </Chip>
  )
}
