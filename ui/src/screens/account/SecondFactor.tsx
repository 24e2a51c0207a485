// The second factor: set up with an authenticator app, recovery codes shown once, switched off with the password.

import { useMemo, useState } from 'react'
import { encode } from 'uqr'
import type { OwnPassword, RecoveryCodes, TotpCode, TotpOffer } from '../../api/types'
import { useSession, useUser } from '../../app/session'
import { Banner, Button, Card, Chip, CopyBox, CopyButton, Dialog, ErrorBanner, TextField, toast } from '../../design'
import { api } from '../../lib/api'
import { t } from '../../lib/i18n'
import { useAction } from '../../lib/query'

export function SecondFactor() {
  const user = useUser()
  const { reload } = useSession()
  const [setup, setSetup] = useState<TotpOffer | null>(null)
  const [codes, setCodes] = useState<string[] | null>(null)
  const [off, setOff] = useState(false)
  const begin = useAction(async () => setSetup(await api.post<TotpOffer>('/account/totp')))
  return (
    <Card
      title={t('account.factor')}
      intro={t('account.factorIntro')}
      actions={user.totp ? <Chip tone="ok" icon="ok">{t('account.factorOn')}</Chip> : <Chip tone="warn" icon="warning">{t('account.factorOff')}</Chip>}
    >
      <ErrorBanner error={begin.error} />
      <div>
        {user.totp ? (
          <Button kind="danger" onClick={() => setOff(true)}>
            {t('account.factorRemove')}
          </Button>
        ) : (
          <Button kind="primary" busy={begin.busy} onClick={() => void begin.run()}>
            {t('account.factorSetUp')}
          </Button>
        )}
      </div>
      {setup !== null && (
        <SetupDialog
          setup={setup}
          onClose={() => setSetup(null)}
          onDone={(fresh) => {
            setSetup(null)
            setCodes(fresh)
            reload()
          }}
        />
      )}
      {codes !== null && <CodesDialog codes={codes} onClose={() => setCodes(null)} />}
      <OffDialog
        open={off}
        onClose={() => setOff(false)}
        onDone={() => {
          setOff(false)
          toast(t('account.factorRemoved'))
          reload()
        }}
      />
    </Card>
  )
}

/** A QR code as one path; dark on white in both themes, because cameras want it so. */
function Qr({ text }: { text: string }) {
  const { size, path } = useMemo(() => {
    const code = encode(text, { border: 2 })
    const cells = code.data.flatMap((row, y) => row.flatMap((dark, x) => (dark ? [`M${x} ${y}h1v1h-1z`] : [])))
    return { size: code.size, path: cells.join('') }
  }, [text])
  return (
    <svg className="qr" viewBox={`0 0 ${size} ${size}`} role="img" aria-label={t('account.qr')} shapeRendering="crispEdges">
      <rect width={size} height={size} fill="#fff" />
      <path d={path} fill="#000" />
    </svg>
  )
}

function SetupDialog({ setup, onClose, onDone }: { setup: TotpOffer; onClose: () => void; onDone: (codes: string[]) => void }) {
  const [code, setCode] = useState('')
  const [missing, setMissing] = useState(false)
  const confirm = useAction(async () => onDone((await api.put<RecoveryCodes>('/account/totp', { code: code.replaceAll(' ', '') } satisfies TotpCode)).recovery_codes))
  const submit = () => {
    setMissing(code.trim() === '')
    if (code.trim() !== '') void confirm.run()
  }
  return (
    <Dialog
      open
      title={t('account.factorSetUp')}
      onClose={onClose}
      onSubmit={submit}
      foot={
        <>
          <Button onClick={onClose}>{t('common.cancel')}</Button>
          <Button type="submit" kind="primary" busy={confirm.busy}>
            {t('account.factorConfirm')}
          </Button>
        </>
      }
    >
      <p>{t('account.scan')}</p>
      <Qr text={setup.uri} />
      <CopyBox label={t('account.secret')} text={setup.secret.replace(/(.{4})(?=.)/g, '$1 ')} />
      <TextField
        label={t('session.code')}
        hint={t('account.codeHint')}
        value={code}
        onValue={setCode}
        inputMode="numeric"
        autoComplete="one-time-code"
        maxLength={12}
        error={missing ? t('session.codeMissing') : confirm.error?.of('/code') != null ? t('session.codeWrong') : null}
      />
      {confirm.error?.of('/code') == null && <ErrorBanner error={confirm.error} />}
    </Dialog>
  )
}

function CodesDialog({ codes, onClose }: { codes: string[]; onClose: () => void }) {
  const text = codes.join('\n')
  return (
    <Dialog
      open
      title={t('account.codes')}
      onClose={onClose}
      foot={
        <Button kind="primary" onClick={onClose}>
          {t('account.codesKept')}
        </Button>
      }
    >
      <Banner tone="warn">{t('account.codesIntro')}</Banner>
      <div className="copybox">
        <pre className="codes">{text}</pre>
        <CopyButton text={text} what={t('account.codes')} />
      </div>
    </Dialog>
  )
}

function OffDialog({ open, onClose, onDone }: { open: boolean; onClose: () => void; onDone: () => void }) {
  const [password, setPassword] = useState('')
  const remove = useAction(async () => {
    await api.del('/account/totp', { password } satisfies OwnPassword)
    setPassword('')
    onDone()
  })
  return (
    <Dialog
      open={open}
      title={t('account.factorRemove')}
      onClose={onClose}
      onSubmit={() => void remove.run()}
      foot={
        <>
          <Button onClick={onClose}>{t('common.cancel')}</Button>
          <Button type="submit" kind="danger-solid" busy={remove.busy}>
            {t('account.factorRemove')}
          </Button>
        </>
      }
    >
      <p>{t('account.factorRemoveText')}</p>
      <TextField
        type="password"
        label={t('account.current')}
        value={password}
        onValue={setPassword}
        autoComplete="current-password"
        error={remove.error?.of('/password') != null ? t('account.currentWrong') : null}
      />
      {remove.error?.of('/password') == null && <ErrorBanner error={remove.error} />}
    </Dialog>
  )
}
