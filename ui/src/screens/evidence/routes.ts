import type { Route } from '../../app/routes'

const routes: Route[] = [{ path: '/evidence', load: () => import('./index'), nav: { order: 100, label: 'nav.evidence', icon: 'evidence' } }]

export default routes
