// Who is signed in, and what they may do. The session is asked for once when the page is loaded; signing in, again
// or for the first time, replaces it.

import { createContext, useCallback, useContext, useEffect, useMemo, useState, type ReactNode } from 'react'
import type { Capability, Session, SessionUser } from '../api/types'
import { api, ProblemError, setCsrf } from '../lib/api'
import { t, type Key } from '../lib/i18n'
import { Banner } from '../design'

export interface SessionState {
  /** Null while it is being asked for. */
  session: Session | null
  error: ProblemError | null
  reload: () => void
  /** Takes over a session that signing in gave. */
  enter: (session: Session) => void
  signOut: () => Promise<void>
}

const Context = createContext<SessionState | null>(null)

export function SessionProvider({ children }: { children: ReactNode }) {
  const [session, setSession] = useState<Session | null>(null)
  const [error, setError] = useState<ProblemError | null>(null)
  const enter = useCallback((next: Session) => {
    setCsrf(next.csrf)
    setSession(next)
    setError(null)
  }, [])
  const reload = useCallback(() => {
    setError(null)
    api.get<Session>('/session').then(enter, (problem: unknown) => setError(problem instanceof ProblemError ? problem : new ProblemError(0, { title: String(problem) })))
  }, [enter])
  useEffect(reload, [reload])
  const signOut = useCallback(async () => {
    await api.del('/session')
    setCsrf(null)
    // What this person read or drafted must not stay in the page for the next one.
    try {
      sessionStorage.clear()
    } catch {
      // A browser that keeps nothing has nothing to forget.
    }
    location.assign('/login')
  }, [])
  const state = useMemo(() => ({ session, error, reload, enter, signOut }), [session, error, reload, enter, signOut])
  return <Context value={state}>{children}</Context>
}

export function useSession(): SessionState {
  const state = useContext(Context)
  if (state === null) throw new Error('useSession outside of SessionProvider')
  return state
}

/** The person who is signed in. Only for what is drawn inside the frame, where there always is one. */
export function useUser(): SessionUser {
  const user = useSession().session?.user
  if (user === undefined || user === null) throw new Error('useUser without a session')
  return user
}

/** Whether the reader may do something. */
export function useCan(capability: Capability): boolean {
  return useSession().session?.user?.capabilities.includes(capability) === true
}

/** Why the reader may not do something, as `Button` takes it in `why`; null where they may. */
export function useWhyNot(capability: Capability): string | null {
  const can = useCan(capability)
  const user = useSession().session?.user
  return can || user === undefined || user === null ? null : t('common.mayNot', { role: roleName(user.role) })
}

/** A role's name for people. */
export const roleName = (role: string): string => t(`common.role_${role}` as Key)

/** Says that this screen can be read and not changed, where that is so. */
export function ReadOnlyNote({ capability }: { capability: Capability }) {
  const can = useCan(capability)
  const user = useUser()
  return can ? null : <Banner>{t('common.readOnly', { role: roleName(user.role) })}</Banner>
}
