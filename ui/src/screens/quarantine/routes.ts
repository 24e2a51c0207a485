import type { Route } from '../../app/routes'

const routes: Route[] = [
  { path: '/quarantine', load: () => import('./index'), nav: { order: 90, label: 'nav.quarantine', icon: 'quarantine' } },
  { path: '/quarantine/:id', load: () => import('./Entry') },
]

export default routes
