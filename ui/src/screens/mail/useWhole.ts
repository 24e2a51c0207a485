// A list that is needed whole: read to its end, however many pages it comes in.

import { useCallback, useEffect, useState } from 'react'
import type { ApiPath, PageOf } from '../../api/types'
import { api, ProblemError } from '../../lib/api'
import { largest } from '../../lib/paging'

/** Reads a list to its end. */
export async function readWhole<T>(path: ApiPath<'get'>, signal: AbortSignal): Promise<T[]> {
  const items: T[] = []
  let cursor: string | null = null
  do {
    const page: PageOf<T> = await api.get<PageOf<T>>(path, { query: { cursor, limit: largest }, signal })
    items.push(...page.items)
    cursor = page.next
  } while (cursor !== null)
  return items
}

/** Reads a whole list; a path null reads nothing. */
export function useWhole<T>(path: ApiPath<'get'> | null): { data: T[] | undefined; error: ProblemError | null; loading: boolean; reload: () => void } {
  const [state, setState] = useState<{ data: T[] | undefined; error: ProblemError | null }>({ data: undefined, error: null })
  const [round, setRound] = useState(0)
  useEffect(() => {
    if (path === null) return undefined
    const stop = new AbortController()
    readWhole<T>(path, stop.signal).then(
      (data) => setState({ data, error: null }),
      (error: unknown) => {
        if (!stop.signal.aborted) setState((old) => ({ ...old, error: error instanceof ProblemError ? error : new ProblemError(0, { title: String(error) }) }))
      },
    )
    return () => stop.abort()
  }, [path, round])
  return { ...state, loading: path !== null && state.data === undefined && state.error === null, reload: useCallback(() => setRound((n) => n + 1), []) }
}
