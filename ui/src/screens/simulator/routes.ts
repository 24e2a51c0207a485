import type { Route } from '../../app/routes'

const routes: Route[] = [
  { path: '/simulator', load: () => import('./SimulatorScreen'), nav: { order: 60, label: 'nav.simulator', icon: 'simulator' } },
]

export default routes
