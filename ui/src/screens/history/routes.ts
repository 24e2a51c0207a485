import type { Route } from '../../app/routes'

const routes: Route[] = [
  { path: '/history', load: () => import('./index'), nav: { order: 70, label: 'nav.history', icon: 'history' } },
  { path: '/history/:id', load: () => import('./Message') },
]

export default routes
