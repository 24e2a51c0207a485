// Sign in. Whoever has a session already goes on to where they wanted.

import { useEffect } from 'react'
import { useLookEntries } from '../../app/Shell'
import { SignInForm } from '../../app/SignInForm'
import { useSession } from '../../app/session'
import { Banner, Icon, Menu } from '../../design'
import { t } from '../../lib/i18n'
import { navigate, useSearch } from '../../lib/router'

export default function Login() {
  const { session, enter } = useSession()
  const [search] = useSearch()
  const look = useLookEntries()
  const signedIn = session?.user != null
  const next = inside(search.get('next'))
  const failed = search.get('error')
  useEffect(() => {
    document.title = `${t('session.title')} · Gatepost`
  }, [])
  useEffect(() => {
    if (signedIn) navigate(next, { replace: true })
  }, [signedIn, next])
  const oidc = session?.oidc ?? null
  return (
    <main className="bare">
      <div className="bare-brand">
        <img src="/icon.svg" alt="" width="28" height="28" />
        Gatepost
      </div>
      <div className="bare-card">
        <div>
          <h1>{t('session.title')}</h1>
          <p className="muted break">{t('session.intro', { hostname: session?.hostname ?? '' })}</p>
        </div>
        {failed !== null && (
          <Banner tone="bad" live>
            {t('session.oidcFailed', { name: oidc?.name ?? 'OpenID Connect', detail: failed })}
          </Banner>
        )}
        {session?.setup_needed === true && <Banner tone="warn">{t('session.setupNeeded')}</Banner>}
        <SignInForm onEntered={enter} />
        {oidc !== null && (
          <>
            <div className="or">{t('session.or')}</div>
            <a className="btn" href={`/api/v1/oidc/start?next=${encodeURIComponent(next)}`}>
              <Icon name="key" />
              {t('session.oidc', { name: oidc.name })}
            </a>
          </>
        )}
      </div>
      <div className="bare-foot">
        <span>{session?.version}</span>
        <Menu label={`${t('nav.theme')}, ${t('nav.language')}`} icon="language" entries={look} className="menu-up" />
      </div>
    </main>
  )
}

/** Only a path of the console is taken: an address elsewhere would make the screen a springboard. */
function inside(next: string | null): string {
  if (next === null || !next.startsWith('/')) return '/'
  const url = new URL(next, location.origin)
  return url.origin === location.origin && url.pathname !== '/login' ? url.pathname + url.search + url.hash : '/'
}
