import type { Route } from '../../app/routes'

const routes: Route[] = [{ path: '/routes', load: () => import('./index'), nav: { order: 120, label: 'nav.routes', icon: 'routes' } }]

export default routes
