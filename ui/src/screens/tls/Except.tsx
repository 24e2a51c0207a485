// *Enforce everywhere except a list*: the list is tried, all other outbound mail is enforced.

import { t } from '../../lib/i18n'
import { ListJourney } from './ListJourney'
import { enforceExcept } from './presets'

export default function Except() {
  return <ListJourney title={t('tls.exceptTitle')} lead={t('tls.exceptLead')} listName={t('tls.exceptDefault')} checks={false} apply={enforceExcept} />
}
