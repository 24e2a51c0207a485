// A smart host: outbound mail for some domains goes there instead of to their MX.

import { useState } from 'react'
import { Button, Checkbox, Dialog, SelectField, TextAreaField, TextField } from '../../design'
import type { SmartHost } from '../../draft/types'
import { t } from '../../lib/i18n'
import { wholeNumber, words } from './edits'
import { levelChoices } from './levels'

export function SmartHostDialog({ host, onClose, onSave }: { host: SmartHost | undefined; onClose: () => void; onSave: (host: SmartHost) => void }) {
  const [domains, setDomains] = useState(host?.domains.join('\n') ?? '*')
  const [name, setName] = useState(host?.host ?? '')
  const [port, setPort] = useState(String(host?.port ?? 25))
  const [tls, setTls] = useState(host?.tls ?? 'require')
  const [implicit, setImplicit] = useState(host?.implicit_tls ?? false)
  const [username, setUsername] = useState(host?.username ?? '')
  const [file, setFile] = useState(host?.password_file ?? '')
  const [tried, setTried] = useState(false)
  const number = wholeNumber(port)
  const portWrong = number === null || number < 1 || number > 65_535
  const submit = () => {
    setTried(true)
    if (words(domains).length === 0 || name.trim() === '' || portWrong) return
    onSave({ domains: words(domains), host: name.trim(), port: Number(port), tls, implicit_tls: implicit, username: username.trim() === '' ? null : username.trim(), password_file: file.trim() === '' ? null : file.trim() })
  }
  return (
    <Dialog
      open
      title={host === undefined ? t('routes.addSmartHost') : t('routes.editOf', { name: host.host })}
      onClose={onClose}
      onSubmit={submit}
      foot={
        <>
          <Button onClick={onClose}>{t('common.cancel')}</Button>
          <Button type="submit" kind="primary">
            {t('routes.toDraft')}
          </Button>
        </>
      }
    >
      <TextAreaField label={t('routes.forDomains')} hint={t('routes.forDomainsHint')} rows={3} value={domains} onValue={setDomains} error={tried && words(domains).length === 0 ? t('routes.domainMissing') : null} spellCheck={false} />
      <div className="form-row">
        <TextField label={t('routes.host')} value={name} onValue={setName} error={tried && name.trim() === '' ? t('routes.hostMissing') : null} autoComplete="off" />
        <TextField label={t('routes.port')} inputMode="numeric" value={port} onValue={setPort} error={tried && portWrong ? t('routes.portWrong') : null} />
      </div>
      <SelectField label={t('routes.level')} hint={t('routes.levelHint')} value={tls} onValue={setTls} choices={levelChoices(tls)} />
      <Checkbox label={t('routes.implicit')} hint={t('routes.implicitHint')} checked={implicit} onChecked={setImplicit} />
      <div className="form-row">
        <TextField label={t('routes.username')} optional value={username} onValue={setUsername} autoComplete="off" />
        <TextField label={t('routes.passwordFile')} optional hint={t('routes.passwordFileHint')} value={file} onValue={setFile} autoComplete="off" />
      </div>
    </Dialog>
  )
}
