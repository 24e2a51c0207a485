import type { Route } from '../../app/routes'

const routes: Route[] = [
  { path: '/rule-data', load: () => import('./DataScreen'), nav: { order: 30, label: 'nav.ruleData', icon: 'data' } },
  { path: '/rule-data/new', load: () => import('./DataEditor') },
  { path: '/rule-data/:id', load: () => import('./DataEditor') },
]

export default routes
