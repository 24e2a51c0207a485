// Who is signed in, and what they may do. The session is asked for once, before anything is drawn; signing in, again
// or for the first time, replaces it.

import { createContext, useCallback, useContext, useMemo, useState, type ReactNode } from 'react'
import type { Capability, Session, SessionUser } from '../api/types'
import { api, ProblemError, setCsrf } from '../lib/api'
import { t, wordOf } from '../lib/i18n'
import { Banner } from '../design'

export interface SessionState {
  /** Null where it could not be read, and while it is asked for again. */
  session: Session | null
  error: ProblemError | null
  reload: () => void
  /** Takes over a session that signing in gave. */
  enter: (session: Session) => void
  signOut: () => Promise<void>
}

const Context = createContext<SessionState | null>(null)

/** Asks who is signed in: the session, or why that could not be read. */
export async function askSession(): Promise<Session | ProblemError> {
  try {
    const session = await api.get<Session>('/session')
    setCsrf(session.csrf)
    return session
  } catch (problem) {
    return problem instanceof ProblemError ? problem : new ProblemError(0, { title: String(problem) })
  }
}

export function SessionProvider({ first, children }: { first: Session | ProblemError; children: ReactNode }) {
  const [session, setSession] = useState(first instanceof ProblemError ? null : first)
  const [error, setError] = useState(first instanceof ProblemError ? first : null)
  const enter = useCallback((next: Session) => {
    setCsrf(next.csrf)
    setSession(next)
    setError(null)
  }, [])
  const reload = useCallback(() => {
    setError(null)
    void askSession().then((answer) => (answer instanceof ProblemError ? setError(answer) : enter(answer)))
  }, [enter])
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
export const roleName = (role: string): string => wordOf(`common.role_${role}`, role)

/** Says that this screen can be read and not changed, where that is so. */
export function ReadOnlyNote({ capability }: { capability: Capability }) {
  const can = useCan(capability)
  const user = useUser()
  return can ? null : <Banner>{t('common.readOnly', { role: roleName(user.role) })}</Banner>
}
