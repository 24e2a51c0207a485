import type { Route } from '../../app/routes'

const routes: Route[] = [{ path: '/', load: () => import('./index'), nav: { order: 10, label: 'nav.overview', icon: 'overview' } }]

export default routes
