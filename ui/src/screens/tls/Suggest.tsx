// Adds to the pasted list the domains that had nothing but verified TLS for 30 days. All domains are read for it, so
// it is done when it is asked for.

import { useEffect, useState } from 'react'
import type { TlsDomain } from '../../api/types'
import { Button, ErrorBanner } from '../../design'
import { addText } from '../../draft/document'
import { t } from '../../lib/i18n'
import { useAction } from '../../lib/query'
import { readWhole } from '../mail/useWhole'
import type { Pasted } from './PasteBox'
import { couldBeEnforced } from './suggest'

export function Suggest({ pasted }: { pasted: Pasted }) {
  const [found, setFound] = useState<number | null>(null)
  const [stop] = useState(() => new AbortController())
  useEffect(() => () => stop.abort(), [stop])
  const look = useAction(async () => {
    const domains = couldBeEnforced(await readWhole<TlsDomain>('/tls/domains', stop.signal))
    pasted.setText(addText(pasted.text, domains))
    setFound(domains.length)
  })
  return (
    <div className="stack stack-sm">
      <div className="row">
        <Button small icon="shield" busy={look.busy} onClick={() => void look.run()}>
          {t('tls.suggest')}
        </Button>
        <span role="status" className="small muted">
          {found === null ? t('tls.suggestHint') : found === 0 ? t('tls.suggestedNone') : t('tls.suggested', { n: found })}
        </span>
      </div>
      <ErrorBanner error={look.error} />
    </div>
  )
}
