// Work on many things, a few at a time, each result as soon as it is there.

/**
 * Does `work` for every item, at most `width` at once, in order. It goes on when one fails: `work` reports for itself.
 * After `signal` is aborted nothing more begins.
 */
export async function pool<T>(
  items: readonly T[],
  width: number,
  work: (item: T, index: number) => Promise<void>,
  signal?: AbortSignal,
): Promise<void> {
  let next = 0
  const lane = async () => {
    while (next < items.length && !(signal?.aborted ?? false)) {
      const index = next++
      await work(items[index] as T, index)
    }
  }
  await Promise.all(Array.from({ length: Math.min(width, items.length) }, lane))
}
