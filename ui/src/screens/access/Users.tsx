// People and SMTP users: a table of accounts, and a menu of what can be done to each.

import { useState } from 'react'
import { roleName, useCan, useUser } from '../../app/session'
import type { PageOf, User, UserEdit } from '../../api/types'
import { Button, Card, Chip, ConfirmWithReason, EmptyState, Loaded, Menu, Table, toast, problemText, type Column, type MenuEntry } from '../../design'
import { api, segment } from '../../lib/api'
import { Time } from '../../lib/format'
import { t } from '../../lib/i18n'
import { invalidate, useQuery } from '../../lib/query'
import { NewUser, PasswordDialog, RoleDialog } from './UserDialogs'

type Doing = { what: 'role' | 'password' | 'delete' | 'disable' | 'totp'; user: User } | null

export function Users({ kind }: { kind: User['kind'] }) {
  const query = useQuery<PageOf<User>>('/users')
  const [making, setMaking] = useState(false)
  const [doing, setDoing] = useState<Doing>(null)
  const close = () => setDoing(null)
  const changed = (text: string) => {
    toast(text)
    invalidate('/users')
    invalidate('/sessions')
  }
  const person = kind === 'person'
  const columns: Column<User>[] = [
    { key: 'name', head: t('common.name'), names: true, cell: (u) => u.name },
    ...(person ? [{ key: 'role', head: t('access.role'), cell: (u: User) => (u.role === null ? '–' : roleName(u.role)) }] : []),
    {
      key: 'state',
      head: t('access.state'),
      cell: (u) => (u.disabled ? <Chip tone="warn" icon="pause">{t('access.disabled')}</Chip> : <Chip tone="ok" icon="ok">{t('access.active')}</Chip>),
    },
    ...(person
      ? [
          {
            key: 'factor',
            head: t('access.factor'),
            cell: (u: User) =>
              u.sso ? <Chip tone="info" icon="key">{t('access.viaSso')}</Chip> : u.totp ? <Chip tone="ok" icon="shield">{t('access.factorOn')}</Chip> : <Chip icon="unlock">{t('access.factorOff')}</Chip>,
          },
        ]
      : []),
    { key: 'last', head: t('access.lastLogin'), cell: (u) => <Time at={u.last_login} ago /> },
    {
      key: 'made',
      head: t('access.created'),
      cell: (u) => (
        <>
          <Time at={u.created_at} ago /> <span className="muted">{t('access.byWhom', { name: u.created_by })}</span>
        </>
      ),
    },
    { key: 'do', head: t('common.actions'), hideHead: true, fit: true, cell: (u) => <UserMenu user={u} onDo={(what) => setDoing({ what, user: u })} onEnable={() => void enable(u, changed)} /> },
  ]
  const rows = (data: PageOf<User>) => data.items.filter((u) => u.kind === kind)
  return (
    <Card
      flush
      title={person ? t('access.people') : t('access.smtp')}
      intro={person ? t('access.peopleIntro') : t('access.smtpIntro')}
      actions={
        <Button small icon="plus" kind="primary" onClick={() => setMaking(true)}>
          {person ? t('access.newPerson') : t('access.newSmtp')}
        </Button>
      }
    >
      <Loaded query={query}>
        {(data) => (rows(data).length === 0 ? <EmptyState icon="access" title={person ? t('access.noPeople') : t('access.noSmtp')} /> : <Table caption={person ? t('access.people') : t('access.smtp')} columns={columns} rows={rows(data)} rowKey={(u) => u.id} />)}
      </Loaded>
      {making && (
        <NewUser
          kind={kind}
          onClose={() => setMaking(false)}
          onMade={(name) => {
            setMaking(false)
            changed(t('access.made', { name }))
          }}
        />
      )}
      {doing?.what === 'role' && <RoleDialog user={doing.user} onClose={close} onDone={() => changed(t('access.changed', { name: doing.user.name }))} />}
      {doing?.what === 'password' && <PasswordDialog user={doing.user} onClose={close} onDone={() => changed(t('access.changed', { name: doing.user.name }))} />}
      <Confirmations doing={doing} onClose={close} onDone={changed} />
    </Card>
  )
}

async function enable(user: User, changed: (text: string) => void): Promise<void> {
  try {
    await api.put(`/users/${segment(user.id)}`, { disabled: false } satisfies UserEdit)
    changed(t('access.enabled', { name: user.name }))
  } catch (error) {
    toast(problemText(error), 'bad')
  }
}

function UserMenu({ user, onDo, onEnable }: { user: User; onDo: (what: 'role' | 'password' | 'delete' | 'disable' | 'totp') => void; onEnable: () => void }) {
  const me = useUser()
  const owner = useCan('own')
  const beyond = user.role === 'owner' && !owner ? t('access.onlyOwner') : null
  const self = user.id === me.id ? t('access.notSelf') : null
  const entries: MenuEntry[] = [
    ...(user.kind === 'person' ? [{ label: t('access.changeRole'), icon: 'edit' as const, onSelect: () => onDo('role'), why: beyond }] : []),
    ...(user.sso ? [] : [{ label: t('access.setPassword'), icon: 'key' as const, onSelect: () => onDo('password'), why: beyond }]),
    ...(user.totp ? [{ label: t('access.factorReset'), icon: 'unlock' as const, onSelect: () => onDo('totp'), why: beyond }] : []),
    user.disabled
      ? { label: t('access.enable'), icon: 'play', onSelect: onEnable, why: beyond }
      : { label: t('access.disable'), icon: 'pause', onSelect: () => onDo('disable'), why: beyond ?? self },
    'separator',
    { label: t('common.delete'), icon: 'trash', danger: true, onSelect: () => onDo('delete'), why: beyond ?? self },
  ]
  return <Menu label={t('common.actionsFor', { name: user.name })} entries={entries} />
}

function Confirmations({ doing, onClose, onDone }: { doing: Doing; onClose: () => void; onDone: (text: string) => void }) {
  const user = doing?.user
  const name = user?.name ?? ''
  const path = `/users/${segment(user?.id ?? '')}` as const
  return (
    <>
      <ConfirmWithReason
        open={doing?.what === 'disable'}
        title={t('access.disableTitle', { name })}
        confirm={t('access.disable')}
        reasonOptional
        onClose={onClose}
        onConfirm={async (reason) => {
          await api.put(path, { disabled: true } satisfies UserEdit, { query: { reason } })
          onDone(t('access.disabledDone', { name }))
        }}
      >
        <p>{t('access.disableText')}</p>
      </ConfirmWithReason>
      <ConfirmWithReason
        open={doing?.what === 'totp'}
        title={t('access.factorResetTitle', { name })}
        confirm={t('access.factorReset')}
        onClose={onClose}
        onConfirm={async (reason) => {
          await api.put(path, { totp: false } satisfies UserEdit, { query: { reason } })
          onDone(t('access.changed', { name }))
        }}
      >
        <p>{t('access.factorResetText')}</p>
      </ConfirmWithReason>
      <ConfirmWithReason
        open={doing?.what === 'delete'}
        title={t('access.deleteTitle', { name })}
        confirm={t('common.delete')}
        onClose={onClose}
        onConfirm={async (reason) => {
          await api.del(path, undefined, { query: { reason } })
          onDone(t('access.deleted', { name }))
        }}
      >
        <p>{t('access.deleteText')}</p>
      </ConfirmWithReason>
    </>
  )
}
