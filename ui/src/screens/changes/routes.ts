import type { Route } from '../../app/routes'

const routes: Route[] = [
  { path: '/changes', load: () => import('./ChangesScreen'), nav: { order: 130, label: 'nav.changes', icon: 'changes' } },
  { path: '/changes/audit', load: () => import('./AuditScreen'), nav: { order: 135, label: 'nav.audit', icon: 'audit', needs: 'read_audit' } },
  { path: '/changes/:n', load: () => import('./RevisionScreen') },
]

export default routes
