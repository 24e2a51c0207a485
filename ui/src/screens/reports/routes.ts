import type { Route } from '../../app/routes'

const routes: Route[] = [{ path: '/reports', load: () => import('./index'), nav: { order: 110, label: 'nav.reports', icon: 'report' } }]

export default routes
