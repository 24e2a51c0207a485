import type { Route } from '../../app/routes'

const routes: Route[] = [{ path: '/login', load: () => import('./index'), open: true }]

export default routes
