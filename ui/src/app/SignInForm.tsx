// Signing in: name and password, then the code where there is a second factor. The same form stands on the screen
// and in the dialog of a session that ended.

import { useEffect, useState, type FormEvent } from 'react'
import type { Credentials, Session } from '../api/types'
import { api, ProblemError } from '../lib/api'
import { duration } from '../lib/format'
import { t } from '../lib/i18n'
import { Banner, Button, problemText, TextField } from '../design'

interface Missing {
  name?: string
  password?: string
  code?: string
}

export function SignInForm({ fixedName, onEntered }: { fixedName?: string; onEntered: (session: Session) => void }) {
  const [name, setName] = useState(fixedName ?? '')
  const [password, setPassword] = useState('')
  const [code, setCode] = useState('')
  const [second, setSecond] = useState(false)
  const [busy, setBusy] = useState(false)
  const [missing, setMissing] = useState<Missing>({})
  const [problem, setProblem] = useState<string | null>(null)
  const locked = useCountdown()

  const submit = async (event: FormEvent) => {
    event.preventDefault()
    event.stopPropagation()
    if (busy) return
    const lacking: Missing = second
      ? { code: code.trim() === '' ? t('session.codeMissing') : undefined }
      : { name: name.trim() === '' ? t('session.nameMissing') : undefined, password: password === '' ? t('session.passwordMissing') : undefined }
    setMissing(lacking)
    setProblem(null)
    if (Object.values(lacking).some((text) => text !== undefined)) return
    setBusy(true)
    try {
      onEntered(await api.post<Session>('/session', { name: name.trim(), password, ...(second ? { code: code.trim() } : {}) } satisfies Credentials))
    } catch (error) {
      refused(error)
    } finally {
      setBusy(false)
    }
  }

  const refused = (error: unknown) => {
    const type = error instanceof ProblemError ? error.type : ''
    if (type === '/problems/second-factor') {
      if (second) setProblem(t('session.codeWrong'))
      setSecond(true)
      setCode('')
    } else if (type === '/problems/locked-out') locked.start((error as ProblemError).retryAfter ?? 30)
    else if (type === '/problems/wrong-credentials') {
      setProblem(t('session.wrong'))
      setPassword('')
    } else setProblem(problemText(error))
  }

  return (
    <form className="stack" onSubmit={(event) => void submit(event)} noValidate aria-label={t('session.title')}>
      {locked.left > 0 ? (
        <Banner tone="warn" live>
          {t('session.locked', { time: duration(locked.left) })}
        </Banner>
      ) : (
        problem !== null && (
          <Banner tone="bad" live>
            {problem}
          </Banner>
        )
      )}
      {second ? (
        <>
          <h2>{t('session.codeTitle')}</h2>
          <TextField
            key="code"
            label={t('session.code')}
            hint={t('session.codeHint')}
            value={code}
            onValue={setCode}
            error={missing.code}
            autoComplete="one-time-code"
            inputMode="text"
            autoFocus
          />
        </>
      ) : (
        <>
          <TextField label={t('session.name')} value={name} onValue={setName} error={missing.name} autoComplete="username" readOnly={fixedName !== undefined} autoFocus={fixedName === undefined} />
          <TextField label={t('session.password')} type="password" value={password} onValue={setPassword} error={missing.password} autoComplete="current-password" autoFocus={fixedName !== undefined} />
        </>
      )}
      <Button type="submit" kind="primary" busy={busy} why={locked.left > 0 ? t('session.locked', { time: duration(locked.left) }) : null}>
        {second ? t('session.verify') : t('session.signIn')}
      </Button>
      {second && fixedName === undefined && (
        <Button
          kind="quiet"
          onClick={() => {
            setSecond(false)
            setPassword('')
            setProblem(null)
          }}
        >
          {t('session.startOver')}
        </Button>
      )}
    </form>
  )
}

/** Seconds that run down to 0. */
function useCountdown(): { left: number; start: (seconds: number) => void } {
  const [until, setUntil] = useState(0)
  const [now, setNow] = useState(Date.now)
  const left = Math.max(0, Math.ceil((until - now) / 1000))
  useEffect(() => {
    if (left === 0) return undefined
    const timer = setInterval(() => setNow(Date.now()), 500)
    return () => clearInterval(timer)
  }, [left])
  return {
    left,
    start: (seconds) => {
      setNow(Date.now())
      setUntil(Date.now() + seconds * 1000)
    },
  }
}
