// The dialogs that make and change accounts.

import { useState } from 'react'
import { roleName, useUser } from '../../app/session'
import type { Role, User, UserDraft, UserEdit } from '../../api/types'
import { Banner, Button, CopyButton, Dialog, ErrorBanner, SelectField, TextField } from '../../design'
import { api, segment, type ProblemError } from '../../lib/api'
import { t } from '../../lib/i18n'
import { useAction } from '../../lib/query'
import { roles, withinReach } from './roles-data'

/** Twenty characters that nobody mistakes for one another: about 117 bits. */
function madeUpPassword(): string {
  const letters = 'abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789'
  const picked: string[] = []
  const bytes = new Uint8Array(1)
  while (picked.length < 20) {
    crypto.getRandomValues(bytes)
    // Bytes beyond the last whole run of the alphabet would make its first letters likelier.
    const byte = bytes[0] ?? 255
    if (byte < 256 - (256 % letters.length)) picked.push(letters.charAt(byte % letters.length))
  }
  return picked.join('')
}

function PasswordInput({ value, onValue, error }: { value: string; onValue: (value: string) => void; error: string | null | undefined }) {
  const [shown, setShown] = useState(false)
  return (
    <>
      <TextField label={t('session.password')} type={shown ? 'text' : 'password'} hint={t('account.newHint')} value={value} onValue={onValue} error={error} autoComplete="new-password" />
      <div className="row">
        <Button
          small
          icon="refresh"
          onClick={() => {
            onValue(madeUpPassword())
            setShown(true)
          }}
        >
          {t('access.makeUp')}
        </Button>
        <Button small icon="eye" aria-pressed={shown} onClick={() => setShown(!shown)}>
          {t('access.show')}
        </Button>
        {value !== '' && <CopyButton text={value} what={t('session.password')} />}
      </div>
    </>
  )
}

function RoleSelect({ value, onValue, error }: { value: Role; onValue: (role: Role) => void; error: string | null | undefined }) {
  const user = useUser()
  return (
    <SelectField
      label={t('access.role')}
      hint={t(`access.about_${value}`)}
      value={value}
      onValue={(role) => onValue(role as Role)}
      error={error}
      choices={roles.filter((role) => withinReach(user.capabilities, role)).map((role) => ({ value: role, label: roleName(role) }))}
    />
  )
}

/** The buttons of a form in a dialog. */
function Foot({ onClose, busy, label }: { onClose: () => void; busy: boolean; label: string }) {
  return (
    <>
      <Button onClick={onClose}>{t('common.cancel')}</Button>
      <Button type="submit" kind="primary" busy={busy}>
        {label}
      </Button>
    </>
  )
}

/** An error that no field shows. */
function Rest({ error, fields }: { error: ProblemError | null; fields: readonly string[] }) {
  if (error === null || fields.some((field) => error.of(field) !== null)) return null
  return <ErrorBanner error={error} />
}

export function NewUser({ kind, onClose, onMade }: { kind: User['kind']; onClose: () => void; onMade: (name: string) => void }) {
  const [name, setName] = useState('')
  const [role, setRole] = useState<Role>('viewer')
  const [password, setPassword] = useState('')
  const [missing, setMissing] = useState<{ name?: string; password?: string }>({})
  const person = kind === 'person'
  const make = useAction(async () => {
    await api.post('/users', { name: name.trim(), kind, role: person ? role : null, password } satisfies UserDraft)
    onMade(name.trim())
  })
  const submit = () => {
    const lacking = { name: name.trim() === '' ? t('access.nameMissing') : undefined, password: password === '' ? t('session.passwordMissing') : undefined }
    setMissing(lacking)
    if (lacking.name === undefined && lacking.password === undefined) void make.run()
  }
  return (
    <Dialog open title={person ? t('access.newPerson') : t('access.newSmtp')} onClose={onClose} onSubmit={submit} foot={<Foot onClose={onClose} busy={make.busy} label={t('common.add')} />}>
      <TextField label={t('session.name')} value={name} onValue={setName} error={missing.name ?? make.error?.of('/name')} autoComplete="off" />
      {person && <RoleSelect value={role} onValue={setRole} error={make.error?.of('/role')} />}
      <PasswordInput value={password} onValue={setPassword} error={missing.password ?? make.error?.of('/password')} />
      {person ? <p className="muted small">{t('access.passwordHand')}</p> : <Banner>{t('access.smtpHint')}</Banner>}
      <Rest error={make.error} fields={['/name', '/role', '/password']} />
    </Dialog>
  )
}

export function RoleDialog({ user, onClose, onDone }: { user: User; onClose: () => void; onDone: () => void }) {
  const [role, setRole] = useState<Role>(user.role ?? 'viewer')
  const change = useAction(async () => {
    await api.put(`/users/${segment(user.id)}`, { role } satisfies UserEdit)
    onDone()
    onClose()
  })
  return (
    <Dialog open title={t('access.roleTitle', { name: user.name })} onClose={onClose} onSubmit={() => void change.run()} foot={<Foot onClose={onClose} busy={change.busy} label={t('common.save')} />}>
      <RoleSelect value={role} onValue={setRole} error={change.error?.of('/role')} />
      <Rest error={change.error} fields={['/role']} />
    </Dialog>
  )
}

export function PasswordDialog({ user, onClose, onDone }: { user: User; onClose: () => void; onDone: () => void }) {
  const [password, setPassword] = useState('')
  const [missing, setMissing] = useState(false)
  const change = useAction(async () => {
    await api.put(`/users/${segment(user.id)}`, { password } satisfies UserEdit)
    onDone()
    onClose()
  })
  const submit = () => {
    setMissing(password === '')
    if (password !== '') void change.run()
  }
  return (
    <Dialog open title={t('access.passwordTitle', { name: user.name })} onClose={onClose} onSubmit={submit} foot={<Foot onClose={onClose} busy={change.busy} label={t('access.setPassword')} />}>
      <p>{t('access.passwordText')}</p>
      <PasswordInput value={password} onValue={setPassword} error={missing ? t('session.passwordMissing') : change.error?.of('/password')} />
      <Rest error={change.error} fields={['/password']} />
    </Dialog>
  )
}
