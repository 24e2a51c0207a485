// Who may send out through us: one network.

import { useState } from 'react'
import { Banner, Button, Dialog, TextField } from '../../design'
import type { OutboundSource } from '../../draft/types'
import { t } from '../../lib/i18n'

export function SourceDialog({ source, onClose, onSave }: { source: OutboundSource | undefined; onClose: () => void; onSave: (source: OutboundSource) => void }) {
  const [network, setNetwork] = useState(source?.network ?? '')
  const [tried, setTried] = useState(false)
  const everyone = /\/0+$/.test(network.trim())
  return (
    <Dialog
      open
      title={source === undefined ? t('routes.addSource') : t('routes.editOf', { name: source.network })}
      onClose={onClose}
      onSubmit={() => {
        setTried(true)
        if (network.trim() !== '') onSave({ network: network.trim() })
      }}
      foot={
        <>
          <Button onClick={onClose}>{t('common.cancel')}</Button>
          <Button type="submit" kind="primary">
            {t('routes.toDraft')}
          </Button>
        </>
      }
    >
      <TextField label={t('routes.network')} hint={t('routes.networkHint')} value={network} onValue={setNetwork} error={tried && network.trim() === '' ? t('routes.networkMissing') : null} autoFocus autoComplete="off" placeholder="10.0.0.0/8" />
      {everyone && <Banner tone="warn">{t('routes.everyone')}</Banner>}
    </Dialog>
  )
}
