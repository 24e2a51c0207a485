// The owner's account: the token of the one-time link, a name and a password.

import { useState, type FormEvent } from 'react'
import type { FirstOwner, Session } from '../../api/types'
import { Banner, Button, ErrorBanner, TextField } from '../../design'
import { api } from '../../lib/api'
import { t } from '../../lib/i18n'
import { useAction } from '../../lib/query'

interface Missing {
  token?: string
  name?: string
  password?: string
  again?: string
}

export function Owner({ token, onMade }: { token: string; onMade: (session: Session) => void }) {
  const [link, setLink] = useState('')
  const [name, setName] = useState('')
  const [password, setPassword] = useState('')
  const [again, setAgain] = useState('')
  const [missing, setMissing] = useState<Missing>({})
  const linked = token !== ''
  const make = useAction(async () => {
    // A whole link may be pasted: its token stands behind the #.
    const given = linked ? token : (link.split('#').at(-1) ?? '').trim()
    onMade(await api.post<Session>('/setup', { token: given, name: name.trim(), password } satisfies FirstOwner))
  })
  const submit = (event: FormEvent) => {
    event.preventDefault()
    const lacking: Missing = {
      token: !linked && link.trim() === '' ? t('setup.linkMissing') : undefined,
      name: name.trim() === '' ? t('session.nameMissing') : undefined,
      password: password === '' ? t('session.passwordMissing') : undefined,
      again: password !== again ? t('account.repeatWrong') : undefined,
    }
    setMissing(lacking)
    if (Object.values(lacking).every((text) => text === undefined)) void make.run()
  }
  const shown = make.error !== null && ['/name', '/password'].some((field) => make.error?.of(field) != null)
  return (
    <form className="stack" onSubmit={submit} noValidate aria-label={t('setup.step_owner')}>
      <p>{t('setup.ownerIntro')}</p>
      {!linked && (
        <>
          <Banner tone="warn">{t('setup.noLink')}</Banner>
          <TextField label={t('setup.link')} hint={t('setup.linkHint')} value={link} onValue={setLink} error={missing.token} autoComplete="off" />
        </>
      )}
      <TextField label={t('session.name')} value={name} onValue={setName} error={missing.name ?? make.error?.of('/name')} autoComplete="username" />
      <TextField label={t('session.password')} type="password" hint={t('account.newHint')} value={password} onValue={setPassword} error={missing.password ?? make.error?.of('/password')} autoComplete="new-password" />
      <TextField label={t('setup.repeat')} type="password" value={again} onValue={setAgain} error={missing.again} autoComplete="new-password" />
      {make.error !== null && !shown && <ErrorBanner error={make.error} />}
      <div>
        <Button type="submit" kind="primary" busy={make.busy}>
          {t('setup.makeOwner')}
        </Button>
      </div>
    </form>
  )
}
