// Sessions of the console: where from, since when, and an end to them.

import { useSession } from '../../app/session'
import type { PageOf, SessionInfo } from '../../api/types'
import { Button, Chip, EmptyState, Loaded, Table, toast, problemText, type Column } from '../../design'
import { api, segment } from '../../lib/api'
import { Time } from '../../lib/format'
import { t } from '../../lib/i18n'
import { useQuery } from '../../lib/query'

export function SessionsTable({ path, all = false }: { path: '/sessions' | '/account/sessions'; all?: boolean }) {
  const { reload } = useSession()
  const query = useQuery<PageOf<SessionInfo>>(path)
  const end = async (session: SessionInfo) => {
    try {
      await api.del(`${path}/${segment(session.id)}`)
      toast(t('access.sessionEnded'))
      query.reload()
      if (session.current) reload()
    } catch (error) {
      toast(problemText(error), 'bad')
    }
  }
  const columns: Column<SessionInfo>[] = [
    ...(all ? [{ key: 'user', head: t('access.user'), names: true, cell: (s: SessionInfo) => s.name }] : []),
    {
      key: 'from',
      head: t('access.from'),
      cell: (s) => (
        <>
          <code>{s.from}</code> {s.current && <Chip tone="accent">{t('access.thisSession')}</Chip>}
        </>
      ),
    },
    { key: 'agent', head: t('access.agent'), cell: (s) => <div className="agent small muted break">{s.agent}</div> },
    { key: 'begun', head: t('access.begun'), cell: (s) => <Time at={s.created_at} ago /> },
    { key: 'seen', head: t('access.lastSeen'), cell: (s) => <Time at={s.last_seen} ago /> },
    {
      key: 'end',
      head: t('common.actions'),
      hideHead: true,
      fit: true,
      cell: (s) => (
        <Button small label={t('access.endOf', { name: all ? s.name : s.from })} icon="logout" onClick={() => void end(s)}>
          {t('access.end')}
        </Button>
      ),
    },
  ]
  return (
    <Loaded query={query}>
      {(data) => (data.items.length === 0 ? <EmptyState icon="user" title={t('access.noSessions')} /> : <Table caption={t('access.sessions')} columns={columns} rows={data.items} rowKey={(s) => s.id} />)}
    </Loaded>
  )
}
