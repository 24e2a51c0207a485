import type { Route } from '../../app/routes'

const routes: Route[] = [
  { path: '/rules', load: () => import('./RulesScreen'), nav: { order: 20, label: 'nav.rules', icon: 'rules' } },
  { path: '/rules/new', load: () => import('./RuleScreen') },
  { path: '/rules/named', load: () => import('./NamedRule') },
  { path: '/rules/:id', load: () => import('./RuleScreen') },
]

export default routes
