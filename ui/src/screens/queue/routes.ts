import type { Route } from '../../app/routes'

const routes: Route[] = [{ path: '/queue', load: () => import('./index'), nav: { order: 80, label: 'nav.queue', icon: 'queue' } }]

export default routes
