import type { Route } from '../../app/routes'

const routes: Route[] = [{ path: '/setup', load: () => import('./index'), open: true }]

export default routes
