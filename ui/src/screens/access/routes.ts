import type { Route } from '../../app/routes'

const routes: Route[] = [{ path: '/access', load: () => import('./index'), nav: { order: 140, label: 'nav.access', icon: 'access', needs: 'manage_access' } }]

export default routes
