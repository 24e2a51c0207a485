// Addresses and screens. Every screen has a stable path; the address bar, the back button and a link opened in a
// new tab all work, because links are links.

import { useCallback, useMemo, useSyncExternalStore, type AnchorHTMLAttributes, type ReactNode } from 'react'

const listeners = new Set<() => void>()
let moves = 0

function changed(): void {
  moves += 1
  listeners.forEach((listener) => listener())
}

if (typeof window !== 'undefined') window.addEventListener('popstate', changed)

function subscribe(listener: () => void): () => void {
  listeners.add(listener)
  return () => listeners.delete(listener)
}

/** How often the reader has moved since the page was loaded; 0 on arrival. */
export const movesSoFar = (): number => moves

/** Goes to a path of the console. `replace` leaves no entry in the history. */
export function navigate(to: string, options: { replace?: boolean } = {}): void {
  if (options.replace === true) history.replaceState(null, '', to)
  else history.pushState(null, '', to)
  changed()
}

/** The current path, search and fragment; a component that uses it is drawn again when they change. */
export function useLocation(): { path: string; search: string; hash: string } {
  const whole = useSyncExternalStore(subscribe, () => location.pathname + location.search + location.hash)
  return useMemo(() => {
    const url = new URL(whole, location.origin)
    return { path: url.pathname, search: url.search, hash: url.hash }
  }, [whole])
}

/** The search parameters, and how to change some of them: null removes one. The change leaves no history entry. */
export function useSearch(): [URLSearchParams, (change: Record<string, string | null>) => void] {
  const { search } = useLocation()
  const params = useMemo(() => new URLSearchParams(search), [search])
  const set = useCallback((change: Record<string, string | null>) => {
    const next = new URLSearchParams(location.search)
    for (const [name, value] of Object.entries(change)) {
      if (value === null || value === '') next.delete(name)
      else next.set(name, value)
    }
    const text = next.toString()
    navigate(location.pathname + (text === '' ? '' : `?${text}`), { replace: true })
  }, [])
  return [params, set]
}

export type Params = Record<string, string>

/** Whether a path fits a pattern such as `/rules/:id`; its parameters decoded, or null. */
export function match(pattern: string, path: string): Params | null {
  const wanted = pattern.split('/').filter((part) => part !== '')
  const given = path.split('/').filter((part) => part !== '')
  if (wanted.length !== given.length) return null
  const params: Params = {}
  for (const [i, part] of wanted.entries()) {
    const value = given[i] ?? ''
    if (part.startsWith(':')) {
      try {
        params[part.slice(1)] = decodeURIComponent(value)
      } catch {
        return null
      }
    } else if (part !== value) return null
  }
  return params
}

/** Whether a click is for us: not one that opens a tab, a window or a download. */
function plain(event: React.MouseEvent<HTMLAnchorElement>): boolean {
  return event.button === 0 && !event.metaKey && !event.ctrlKey && !event.shiftKey && !event.altKey && !event.defaultPrevented
}

let intent: (to: string) => void = () => undefined

/** Sets what is done when a link is pointed at or has the keyboard, which is before it is followed. */
export function onIntent(prepare: (to: string) => void): void {
  intent = prepare
}

/** A link to a screen. `current` marks the place where the reader is. */
export function Link({ to, current, children, onClick, onFocus, onPointerEnter, ...rest }: { to: string; current?: boolean; children: ReactNode } & AnchorHTMLAttributes<HTMLAnchorElement>) {
  return (
    <a
      {...rest}
      href={to}
      aria-current={current === true ? 'page' : undefined}
      onFocus={(event) => {
        onFocus?.(event)
        intent(to)
      }}
      onPointerEnter={(event) => {
        onPointerEnter?.(event)
        intent(to)
      }}
      onClick={(event) => {
        onClick?.(event)
        if (!plain(event)) return
        event.preventDefault()
        navigate(to)
      }}
    >
      {children}
    </a>
  )
}
