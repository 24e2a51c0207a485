import type { Route } from '../../app/routes'

const routes: Route[] = [
  { path: '/tls', load: () => import('./index'), nav: { order: 40, label: 'nav.tls', icon: 'shield' } },
  { path: '/tls/enforce', load: () => import('./Enforce') },
  { path: '/tls/except', load: () => import('./Except') },
  { path: '/tls/check', load: () => import('./Check'), nav: { order: 50, label: 'nav.check', icon: 'checklist' } },
]

export default routes
