// Your account: password, second factor, tokens and sessions of whoever is signed in.

import { useState, type FormEvent } from 'react'
import type { NewPassword } from '../../api/types'
import { roleName, useCan, useSession, useUser } from '../../app/session'
import { Banner, Button, Card, Facts, Page, TextField, ErrorBanner, toast } from '../../design'
import { api } from '../../lib/api'
import { t } from '../../lib/i18n'
import { useAction } from '../../lib/query'
import { SessionsTable } from '../access/Sessions'
import { Tokens } from '../access/Tokens'
import '../access/access.css'
import { SecondFactor } from './SecondFactor'

export default function Account() {
  const user = useUser()
  const mayMake = useCan('manage_access')
  return (
    <Page
      title={t('account.title')}
      narrow
      help={{ text: <p>{t('account.help')}</p>, cli: 'gatepost admin list', api: 'GET /api/v1/account' }}
    >
      <Card>
        <Facts
          rows={[
            [t('account.name'), user.name],
            [t('account.role'), roleName(user.role)],
          ]}
        />
      </Card>
      {user.sso ? (
        <Banner>{t('account.sso')}</Banner>
      ) : (
        <>
          <Card title={t('account.password')}>
            <PasswordForm />
          </Card>
          <SecondFactor />
        </>
      )}
      {mayMake && <Tokens />}
      <Card title={t('account.sessions')} intro={t('account.sessionsIntro')} flush>
        <SessionsTable path="/account/sessions" />
      </Card>
    </Page>
  )
}

function PasswordForm() {
  const user = useUser()
  const { reload } = useSession()
  const [current, setCurrent] = useState('')
  const [next, setNext] = useState('')
  const [again, setAgain] = useState('')
  const [missing, setMissing] = useState<{ current?: string; next?: string; again?: string }>({})
  const change = useAction(async () => {
    await api.put('/account/password', { current, new: next } satisfies NewPassword)
    setCurrent('')
    setNext('')
    setAgain('')
    toast(t('account.changed'))
    // The gateway may have given the session a new CSRF value.
    reload()
  })

  const submit = (event: FormEvent) => {
    event.preventDefault()
    const lacking = {
      current: current === '' ? t('account.currentMissing') : undefined,
      next: next === '' ? t('account.newMissing') : undefined,
      again: next !== again ? t('account.repeatWrong') : undefined,
    }
    setMissing(lacking)
    if (Object.values(lacking).every((text) => text === undefined)) void change.run()
  }
  const wrongNow = change.error?.of('/current') != null ? t('account.currentWrong') : null
  return (
    <form className="form" noValidate aria-label={t('account.password')} onSubmit={submit}>
      <input type="text" hidden readOnly autoComplete="username" value={user.name} />
      <TextField type="password" label={t('account.current')} value={current} onValue={setCurrent} error={missing.current ?? wrongNow} autoComplete="current-password" />
      <TextField type="password" label={t('account.new')} hint={t('account.newHint')} value={next} onValue={setNext} error={missing.next ?? change.error?.of('/new')} autoComplete="new-password" />
      <TextField type="password" label={t('account.repeat')} value={again} onValue={setAgain} error={missing.again} autoComplete="new-password" />
      {wrongNow === null && change.error?.of('/new') == null && <ErrorBanner error={change.error} />}
      <div>
        <Button type="submit" kind="primary" busy={change.busy}>
          {t('account.change')}
        </Button>
      </div>
    </form>
  )
}
