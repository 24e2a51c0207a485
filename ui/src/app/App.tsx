// The application: a session first, then the frame with the screen of the current path.

import { Suspense, useEffect, useSyncExternalStore } from 'react'
import { currentLanguage, onLanguage } from '../lib/i18n'
import { navigate, useLocation } from '../lib/router'
import { ErrorState, Skeleton, Toasts } from '../design'
import './shell.css'
import { Boundary } from './Boundary'
import { NotFound } from './NotFound'
import { screenAt } from './routes'
import { SessionExpired } from './SessionExpired'
import { SessionProvider, useSession } from './session'
import { Shell } from './Shell'

export function App() {
  const language = useSyncExternalStore(onLanguage, currentLanguage)
  return (
    <Boundary key={language}>
      <SessionProvider>
        <Gate />
        <Toasts />
      </SessionProvider>
    </Boundary>
  )
}

/** Sends everyone to where they belong: the first run, signing in, or the screen they asked for. */
function Gate() {
  const { session, error, reload } = useSession()
  const { path, search, hash } = useLocation()
  const found = screenAt(path)
  const open = found?.screen.open === true
  const signedIn = session !== null && session.user !== null

  useEffect(() => {
    if (session === null) return
    const setup = path === '/setup'
    if (session.setup_needed && !setup && path !== '/login') navigate('/setup', { replace: true })
    else if (!session.setup_needed && !signedIn && !open) navigate(`/login${path === '/' ? '' : `?next=${encodeURIComponent(path + search + hash)}`}`, { replace: true })
  }, [session, signedIn, open, path, search, hash])

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
  if (session === null) return <main className="bare" aria-busy="true" />
  if (open && found !== null) {
    return (
      <Suspense fallback={<main className="bare" aria-busy="true" />}>
        <found.screen.Component params={found.params} />
      </Suspense>
    )
  }
  if (!signedIn) return <main className="bare" aria-busy="true" />
  return (
    <Shell path={path}>
      <Boundary key={path}>
        <Suspense fallback={<Skeleton lines={8} />}>{found === null ? <NotFound /> : <found.screen.Component key={found.screen.path} params={found.params} />}</Suspense>
      </Boundary>
      <SessionExpired />
    </Shell>
  )
}
