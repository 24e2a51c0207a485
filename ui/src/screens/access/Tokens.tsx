// Tokens of the API: made with a role and an end, told once, revoked at once. On Access all of them, on the own
// account those that one made.

import { useState } from 'react'
import { roleName, useUser } from '../../app/session'
import type { ApiToken, MadeToken, PageOf, Role, TokenDraft } from '../../api/types'
import { Banner, Button, Card, Chip, ConfirmWithReason, CopyBox, Dialog, EmptyState, ErrorBanner, Loaded, SelectField, Table, TextField, toast, type Column } from '../../design'
import { api, segment } from '../../lib/api'
import { Time } from '../../lib/format'
import { t } from '../../lib/i18n'
import { invalidate, useAction, useQuery } from '../../lib/query'
import { roles, withinReach } from './roles-data'

export function Tokens({ all = false }: { all?: boolean }) {
  const user = useUser()
  const query = useQuery<PageOf<ApiToken>>('/tokens')
  const [making, setMaking] = useState(false)
  const [told, setTold] = useState<{ name: string; token: string } | null>(null)
  const [revoking, setRevoking] = useState<ApiToken | null>(null)
  const columns: Column<ApiToken>[] = [
    { key: 'name', head: t('common.name'), names: true, cell: (x) => x.name },
    { key: 'role', head: t('access.role'), cell: (x) => roleName(x.role) },
    ...(all ? [{ key: 'by', head: t('access.createdBy'), cell: (x: ApiToken) => x.created_by }] : []),
    { key: 'made', head: t('access.created'), cell: (x) => <Time at={x.created_at} ago /> },
    { key: 'used', head: t('access.lastUsed'), cell: (x) => <Time at={x.last_used_at} ago /> },
    { key: 'end', head: t('access.expires'), cell: (x) => <Expiry at={x.expires_at} /> },
    {
      key: 'do',
      head: t('common.actions'),
      hideHead: true,
      fit: true,
      cell: (x) => (
        <Button small kind="danger" label={t('access.revokeOf', { name: x.name })} onClick={() => setRevoking(x)}>
          {t('access.revoke')}
        </Button>
      ),
    },
  ]
  const mine = (data: PageOf<ApiToken>) => data.items.filter((token) => all || token.created_by === user.name)
  return (
    <Card
      flush
      title={all ? t('access.tokens') : t('access.yourTokens')}
      intro={t('access.tokensIntro')}
      actions={
        <Button small icon="plus" onClick={() => setMaking(true)}>
          {t('access.newToken')}
        </Button>
      }
    >
      <Loaded query={query}>{(data) => (mine(data).length === 0 ? <EmptyState icon="key" title={t('access.noTokens')} /> : <Table caption={t('access.tokens')} columns={columns} rows={mine(data)} rowKey={(x) => x.id} />)}</Loaded>
      {making && (
        <NewToken
          onClose={() => setMaking(false)}
          onMade={(made) => {
            setMaking(false)
            setTold(made)
            invalidate('/tokens')
          }}
        />
      )}
      {told !== null && (
        <Dialog open title={t('access.tokenMade', { name: told.name })} onClose={() => setTold(null)} fixed foot={<Button kind="primary" onClick={() => setTold(null)}>{t('access.tokenKept')}</Button>}>
          <Banner tone="warn">{t('access.tokenOnce')}</Banner>
          <CopyBox label={t('access.token')} text={told.token} />
        </Dialog>
      )}
      <ConfirmWithReason
        open={revoking !== null}
        title={t('access.revokeTitle', { name: revoking?.name ?? '' })}
        confirm={t('access.revoke')}
        reasonOptional
        onClose={() => setRevoking(null)}
        onConfirm={async (reason) => {
          await api.del(`/tokens/${segment(revoking?.id ?? '')}`, undefined, { query: { reason } })
          toast(t('access.revoked'))
          invalidate('/tokens')
        }}
      >
        <p>{t('access.revokeText')}</p>
      </ConfirmWithReason>
    </Card>
  )
}

function Expiry({ at }: { at: string | null }) {
  if (at === null) return <Chip tone="warn" icon="warning">{t('access.noEnd')}</Chip>
  if (Date.parse(at) < Date.now()) return <Chip tone="bad" icon="error">{t('access.expired')}</Chip>
  return <Time at={at} ago />
}

function NewToken({ onClose, onMade }: { onClose: () => void; onMade: (made: { name: string; token: string }) => void }) {
  const user = useUser()
  const [name, setName] = useState('')
  const [role, setRole] = useState<Role>('viewer')
  const [days, setDays] = useState('90')
  const [missing, setMissing] = useState(false)
  const make = useAction(async () => {
    const made = await api.post<MadeToken>('/tokens', { name: name.trim(), role, expires_in_days: days === '' ? null : Number(days) } satisfies TokenDraft)
    onMade({ name: made.name, token: made.token })
  })
  return (
    <Dialog
      open
      title={t('access.newToken')}
      onClose={onClose}
      onSubmit={() => {
        setMissing(name.trim() === '')
        if (name.trim() !== '') void make.run()
      }}
      foot={
        <>
          <Button onClick={onClose}>{t('common.cancel')}</Button>
          <Button type="submit" kind="primary" busy={make.busy}>
            {t('access.makeToken')}
          </Button>
        </>
      }
    >
      <TextField label={t('common.name')} hint={t('access.tokenNameHint')} value={name} onValue={setName} error={missing ? t('access.nameMissing') : make.error?.of('/name')} autoComplete="off" />
      <SelectField label={t('access.role')} hint={t(`access.about_${role}`)} value={role} onValue={(value) => setRole(value as Role)} choices={roles.filter((r) => withinReach(user.capabilities, r)).map((r) => ({ value: r, label: roleName(r) }))} error={make.error?.of('/role')} />
      <SelectField
        label={t('access.expires')}
        value={days}
        onValue={setDays}
        choices={[
          { value: '7', label: t('access.days', { n: 7 }) },
          { value: '30', label: t('access.days', { n: 30 }) },
          { value: '90', label: t('access.days', { n: 90 }) },
          { value: '365', label: t('access.days', { n: 365 }) },
          { value: '', label: t('access.noEnd') },
        ]}
      />
      <ErrorBanner error={make.error} />
    </Dialog>
  )
}
