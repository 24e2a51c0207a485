import type { Route } from '../../app/routes'

const routes: Route[] = [{ path: '/account', load: () => import('./index') }]

export default routes
