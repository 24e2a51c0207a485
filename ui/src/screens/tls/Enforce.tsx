// *Enforce for a list*: paste, check, choose, review, publish. What is pasted becomes a list and the rules that
// enforce it, in the draft; nothing is in effect before it is published.

import { enforceForList } from '../../draft/enforce'
import { t } from '../../lib/i18n'
import { atLevel } from './presets'
import { ListJourney } from './ListJourney'

export default function Enforce() {
  return (
    <ListJourney
      title={t('tls.enforceTitle')}
      lead={t('tls.enforceLead')}
      listName={t('tls.listDefault')}
      checks
      apply={(document, list, text, level) => enforceForList(atLevel(document, list, level), { list, text, level }).document}
    />
  )
}

