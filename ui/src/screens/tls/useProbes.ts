// Probing a list: one domain a request, a few at a time, each row filled as soon as its answer is there.

import { useCallback, useEffect, useRef, useState } from 'react'
import { problemText } from '../../design'
import { api, ProblemError } from '../../lib/api'
import { pool } from '../mail/pool'
import type { Level, Probe, ProbeWish } from '../../api/types'
import type { Row } from './readiness'

/** Requests at once: a browser holds six connections to one host over HTTP/1.1. */
const atOnce = 6

/** How often a probe is sent again that found the gateway busy with those of others. */
const again = 24

/** Probes one entry. Where others keep the gateway busy, it waits as long as it is told to. */
export async function probe(domain: string, level: Level, signal?: AbortSignal): Promise<Probe[]> {
  for (let tries = 0; ; tries += 1) {
    try {
      return await api.post<Probe[]>('/tls/probe', { domains: [domain], level } satisfies ProbeWish, { signal })
    } catch (error) {
      const busy = error instanceof ProblemError && error.type === '/problems/busy'
      if (!busy || tries >= again || signal?.aborted === true) throw error
      await new Promise((resolve) => setTimeout(resolve, (error.retryAfter ?? 5) * 1000))
    }
  }
}

export interface Probes {
  rows: ReadonlyMap<string, Row>
  running: boolean
  /** Probes these entries; what was known of others is forgotten. */
  start: (entries: readonly string[], level: Level) => void
  stop: () => void
  /** Forgets everything. */
  clear: () => void
}

export function useProbes(): Probes {
  const [rows, setRows] = useState<ReadonlyMap<string, Row>>(new Map())
  const [running, setRunning] = useState(false)
  const current = useRef<AbortController | null>(null)
  const stop = useCallback(() => {
    current.current?.abort()
    current.current = null
    setRunning(false)
    setRows((old) => new Map([...old].filter(([, row]) => row.state === 'done' || row.state === 'failed')))
  }, [])
  useEffect(() => () => current.current?.abort(), [])

  const start = useCallback((entries: readonly string[], level: Level) => {
    current.current?.abort()
    const abort = new AbortController()
    current.current = abort
    const put = (row: Row) => {
      if (!abort.signal.aborted) setRows((old) => new Map(old).set(row.domain, row))
    }
    setRows(new Map(entries.map((domain) => [domain, { state: 'waiting', domain }])))
    setRunning(true)
    void pool(
      entries,
      atOnce,
      async (domain) => {
        put({ state: 'probing', domain })
        try {
          put({ state: 'done', domain, probes: await probe(domain, level, abort.signal) })
        } catch (error) {
          put({ state: 'failed', domain, problem: problemText(error) })
        }
      },
      abort.signal,
    ).then(() => {
      if (current.current === abort) setRunning(false)
    })
  }, [])

  const clear = useCallback(() => {
    stop()
    setRows(new Map())
  }, [stop])
  return { rows, running, start, stop, clear }
}
