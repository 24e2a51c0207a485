// The English catalogue: one file an area, so that screens do not collide.

import access from './access'
import account from './account'
import changes from './changes'
import common from './common'
import data from './data'
import draft from './draft'
import evidence from './evidence'
import history from './history'
import mail from './mail'
import nav from './nav'
import overview from './overview'
import quarantine from './quarantine'
import queue from './queue'
import reports from './reports'
import routes from './routes'
import rules from './rules'
import session from './session'
import setup from './setup'
import simulator from './simulator'
import system from './system'
import tls from './tls'
import why from './why'

const en = { access, account, changes, common, data, draft, evidence, history, mail, nav, overview, quarantine, queue, reports, routes, rules, session, setup, simulator, system, tls, why }

export default en
