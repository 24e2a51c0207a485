// Access: people, SMTP users, tokens and sessions, and what each role may do.

import { ReadOnlyNote, useCan } from '../../app/session'
import { Card, Page, Tabs } from '../../design'
import { t } from '../../lib/i18n'
import { useSearch } from '../../lib/router'
import { Roles } from './Roles'
import { SessionsTable } from './Sessions'
import { Tokens } from './Tokens'
import { Users } from './Users'
import './access.css'

export default function Access() {
  const can = useCan('manage_access')
  const [search, setSearch] = useSearch()
  return (
    <Page
      title={t('access.title')}
      intro={t('access.intro')}
      help={{ text: <p>{t('access.help')}</p>, cli: 'gatepost admin create-user NAME --role ROLE --password-stdin', api: 'GET /api/v1/users' }}
    >
      <ReadOnlyNote capability="manage_access" />
      {can && (
        <Tabs
          label={t('access.title')}
          value={search.get('tab') ?? 'people'}
          onValue={(tab) => setSearch({ tab: tab === 'people' ? null : tab })}
          tabs={[
            { id: 'people', label: t('access.people'), content: () => <Users key="person" kind="person" /> },
            { id: 'smtp', label: t('access.smtp'), content: () => <Users key="smtp" kind="smtp" /> },
            { id: 'tokens', label: t('access.tokens'), content: () => <Tokens all /> },
            {
              id: 'sessions',
              label: t('access.sessions'),
              content: () => (
                <Card title={t('access.sessions')} intro={t('access.sessionsIntro')} flush>
                  <SessionsTable path="/sessions" all />
                </Card>
              ),
            },
            { id: 'roles', label: t('access.roles'), content: () => <Roles /> },
          ]}
        />
      )}
      {!can && <Roles />}
    </Page>
  )
}
