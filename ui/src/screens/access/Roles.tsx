// What each role may do, as a table.

import { roleName } from '../../app/session'
import type { Capability } from '../../api/types'
import { Card, Icon, Table, type Column } from '../../design'
import { t } from '../../lib/i18n'
import { capabilities, includes, roles } from './roles-data'

export function Roles() {
  const columns: Column<Capability>[] = [
    { key: 'what', head: t('access.may'), names: true, cell: (c) => t(`access.may_${c}`) },
    ...roles.map((role) => ({
      key: role,
      head: roleName(role),
      cell: (c: Capability) =>
        includes(role, c) ? (
          <>
            <Icon name="check" />
            <span className="hidden-text">{t('common.yes')}</span>
          </>
        ) : (
          <span className="muted">
            <span aria-hidden="true">–</span>
            <span className="hidden-text">{t('common.no')}</span>
          </span>
        ),
    })),
  ]
  return (
    <Card title={t('access.roles')} intro={t('access.rolesIntro')} flush>
      <Table caption={t('access.roles')} columns={columns} rows={capabilities} rowKey={(c) => c} scroll />
      <div className="card-body">
        <dl className="facts">
          {roles.map((role) => (
            <div key={role} className="fact">
              <dt>{roleName(role)}</dt>
              <dd>{t(`access.about_${role}`)}</dd>
            </div>
          ))}
        </dl>
      </div>
    </Card>
  )
}
