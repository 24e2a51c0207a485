// The dialog of a session that ended. It lies over the screen, which keeps everything that was typed; the request
// that met the end is repeated after signing in. Somebody else who signs in gets a page of their own.

import { useEffect, useRef, useState } from 'react'
import { onSignedOut } from '../lib/api'
import { t } from '../lib/i18n'
import { Button, Dialog } from '../design'
import { SignInForm } from './SignInForm'
import { useSession, useUser } from './session'

export function SessionExpired() {
  const { session, enter } = useSession()
  const user = useUser()
  const [open, setOpen] = useState(false)
  const waiting = useRef<((signedIn: boolean) => void)[]>([])
  useEffect(() => {
    onSignedOut(
      () =>
        new Promise((resolve) => {
          waiting.current.push(resolve)
          setOpen(true)
        }),
    )
    return () => onSignedOut(null)
  }, [])

  const answer = (signedIn: boolean) => {
    setOpen(false)
    const all = waiting.current
    waiting.current = []
    all.forEach((resolve) => resolve(signedIn))
  }

  return (
    <Dialog
      open={open}
      fixed
      title={t('session.expiredTitle')}
      onClose={() => undefined}
      foot={
        <Button
          kind="quiet"
          onClick={() => {
            location.assign('/login')
          }}
        >
          {t('session.leave')}
        </Button>
      }
    >
      <p>{t('session.expiredText')}</p>
      {user.sso && session?.oidc != null ? (
        <Button kind="primary" onClick={() => window.open('/api/v1/oidc/start?next=%2Faccount', '_blank', 'noopener')}>
          {t('session.oidc', { name: session.oidc.name })}
        </Button>
      ) : (
        <SignInForm
          fixedName={user.name}
          onEntered={(next) => {
            if (next.user?.id !== user.id) {
              location.assign('/')
              return
            }
            enter(next)
            answer(true)
          }}
        />
      )}
    </Dialog>
  )
}
