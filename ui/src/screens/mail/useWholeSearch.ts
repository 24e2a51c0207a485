// The gateway looks for one page only so long: a page of a search may be empty although more is to be found. As long as
// nothing was found and the gateway has not come to the end, it is asked to look on.

import { useEffect } from 'react'
import type { Paged } from '../../lib/query'

/** Looks on while nothing was found; true while that goes on, so that nothing is called empty before it is. */
export function useWholeSearch(list: Paged<unknown>): boolean {
  const { items, more, loadMore, loading, loadingMore, error } = list
  const looking = items.length === 0 && more && error === null
  useEffect(() => {
    if (looking && !loading && !loadingMore) loadMore()
  }, [looking, loading, loadingMore, loadMore])
  return looking
}
