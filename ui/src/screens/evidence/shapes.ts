// The JSON of the routes under /tls/evidence.

export interface Evidence {
  period: { from: string; to: string }
  records: number
  delivered: number
  encrypted: number
  verified: number
  clear_under_enforced: number
  /** Stretches of sequence numbers that are missing. */
  gaps: { first: number; last: number }[]
  /** Days whose records and whose journal differ. */
  mismatches?: { day: string; journal: number; records: number }[]
  complete: boolean
  roots: { days: number; signed: number }
  key_fingerprint: string | null
}

export interface Root {
  day: string
  root: string
  records?: number
  signature?: string | null
}
