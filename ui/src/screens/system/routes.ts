import type { Route } from '../../app/routes'

const routes: Route[] = [{ path: '/system', load: () => import('./index'), nav: { order: 150, label: 'nav.system', icon: 'system' } }]

export default routes
