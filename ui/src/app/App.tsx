// The application: a session first, then the frame with the screen of the current path.

import { useEffect, useState, useSyncExternalStore } from 'react'
import type { Session } from '../api/types'
import { ProblemError } from '../lib/api'
import { currentLanguage, onLanguage } from '../lib/i18n'
import { navigate, useLocation, type Params } from '../lib/router'
import { ErrorState, Skeleton, Toasts } from '../design'
import './shell.css'
import { Boundary } from './Boundary'
import { NotFound } from './NotFound'
import { fetchScreen, prepare, screenAt, type Screen } from './routes'
import { SessionExpired } from './SessionExpired'
import { SessionProvider, useSession } from './session'
import { Shell } from './Shell'

export function App({ first }: { first: Session | ProblemError }) {
  const language = useSyncExternalStore(onLanguage, currentLanguage)
  return (
    <SessionProvider first={first}>
      <Boundary key={language}>
        <Gate />
        <Toasts />
      </Boundary>
    </SessionProvider>
  )
}

/** The place where somebody belongs who asked for another: the first run, signing in; null where they may stay. */
function elsewhere(session: Session, asked: { path: string; search: string; hash: string }): string | null {
  const { path, search, hash } = asked
  if (session.setup_needed) return path === '/setup' || path === '/login' ? null : '/setup'
  if (session.user !== null || screenAt(path)?.screen.open === true) return null
  return `/login${path === '/' ? '' : `?next=${encodeURIComponent(path + search + hash)}`}`
}

/** Brings what the first screen needs, so that it is drawn as soon as anything is. */
export async function prepareFirst(session: Promise<Session | ProblemError>): Promise<void> {
  const here = { path: location.pathname, search: location.search, hash: location.hash }
  const [answer] = await Promise.all([session, prepare(here.path)])
  if (answer instanceof ProblemError) return
  const to = elsewhere(answer, here)
  if (to !== null) {
    await prepare(new URL(to, location.origin).pathname)
    navigate(to, { replace: true })
  }
}

/** Sends everyone to where they belong, and draws the screen they asked for. */
function Gate() {
  const { session, error, reload } = useSession()
  const asked = useLocation()
  const found = screenAt(asked.path)
  const to = session === null ? null : elsewhere(session, asked)

  useEffect(() => {
    if (to !== null) navigate(to, { replace: true })
  }, [to])

  if (error !== null) {
    return (
      <main className="bare">
        <div className="bare-card">
          <h1>Gatepost</h1>
          <ErrorState error={error} retry={reload} />
        </div>
      </main>
    )
  }
  if (session === null || to !== null) return <main className="bare" aria-busy="true" />
  if (found?.screen.open === true) return <Shown key={found.screen.path} screen={found.screen} params={found.params} />
  if (session.user === null) return <main className="bare" aria-busy="true" />
  return (
    <Shell path={asked.path}>
      <Boundary key={asked.path}>{found === null ? <NotFound /> : <Shown key={found.screen.path} screen={found.screen} params={found.params} />}</Boundary>
      <SessionExpired />
    </Shell>
  )
}

/** A screen, at once where its file is here. */
function Shown({ screen, params }: { screen: Screen; params: Params }) {
  const { Component } = screen
  const [failed, setFailed] = useState<{ error: unknown } | null>(null)
  const [, setHere] = useState<Screen | null>(null)
  useEffect(() => {
    let left = false
    if (Component === null) {
      fetchScreen(screen).then(
        () => left || setHere(screen),
        (error: unknown) => left || setFailed({ error }),
      )
    }
    return () => {
      left = true
    }
  }, [screen, Component])
  if (failed !== null) throw failed.error
  if (Component !== null) return <Component params={params} />
  return screen.open === true ? <main className="bare" aria-busy="true" /> : <Skeleton lines={8} />
}
