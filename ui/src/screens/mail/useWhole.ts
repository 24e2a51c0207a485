// A list that is needed whole: read to its end, however many pages it comes in.

import { useCallback, useEffect, useRef, useState } from 'react'
import type { ApiPath, PageOf } from '../../api/types'
import { address, api, ProblemError, type QueryValue } from '../../lib/api'
import { largest } from '../../lib/paging'

/** Reads a list to its end. */
export async function readWhole<T>(path: ApiPath<'get'>, signal: AbortSignal, query: Record<string, QueryValue> = {}): Promise<T[]> {
  const items: T[] = []
  let cursor: string | null = null
  do {
    const page: PageOf<T> = await api.get<PageOf<T>>(path, { query: { ...query, cursor, limit: largest }, signal })
    items.push(...page.items)
    cursor = page.next
  } while (cursor !== null)
  return items
}

/** Reads a whole list; a path null reads nothing. */
export function useWhole<T>(path: ApiPath<'get'> | null, query: Record<string, QueryValue> = {}): { data: T[] | undefined; error: ProblemError | null; loading: boolean; reload: () => void } {
  const [state, setState] = useState<{ data: T[] | undefined; error: ProblemError | null }>({ data: undefined, error: null })
  const [round, setRound] = useState(0)
  const url = path === null ? null : address(path, query)
  const latest = useRef(query)
  latest.current = query
  useEffect(() => {
    if (path === null) return undefined
    const stop = new AbortController()
    readWhole<T>(path, stop.signal, latest.current).then(
      (data) => setState({ data, error: null }),
      (error: unknown) => {
        if (!stop.signal.aborted) setState((old) => ({ ...old, error: error instanceof ProblemError ? error : new ProblemError(0, { title: String(error) }) }))
      },
    )
    return () => stop.abort()
  }, [path, url, round])
  return { ...state, loading: path !== null && state.data === undefined && state.error === null, reload: useCallback(() => setRound((n) => n + 1), []) }
}
