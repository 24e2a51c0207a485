// A domain of ours and the ways its mail can take.

import { useState } from 'react'
import { Button, Dialog, SelectField, TextField } from '../../design'
import type { Domain, Route } from '../../draft/types'
import { t } from '../../lib/i18n'
import { wholeNumber } from './edits'
import { levelChoices } from './levels'

interface Row {
  key: number
  host: string
  port: string
  weight: string
  tls: string
}

const rowOf = (route: Route, key: number): Row => ({ key, host: route.host, port: String(route.port ?? 25), weight: String(route.weight ?? 1), tls: route.tls ?? 'try' })

interface Wrong {
  host?: string
  port?: string
  weight?: string
}

function wrongOf(row: Row): Wrong {
  const port = wholeNumber(row.port)
  const weight = wholeNumber(row.weight)
  return {
    host: row.host.trim() === '' ? t('routes.hostMissing') : undefined,
    port: port === null || port < 1 || port > 65_535 ? t('routes.portWrong') : undefined,
    weight: weight === null || weight < 1 ? t('routes.weightWrong') : undefined,
  }
}

export function DomainDialog({ domain, others, onClose, onSave }: { domain: Domain | undefined; others: string[]; onClose: () => void; onSave: (domain: Domain) => void }) {
  const [name, setName] = useState(domain?.name ?? '')
  const [rows, setRows] = useState<Row[]>((domain?.routes ?? []).map(rowOf))
  const [tried, setTried] = useState(false)
  const trimmed = name.trim()
  const nameWrong = trimmed === '' ? t('routes.domainMissing') : others.some((other) => other.toLowerCase() === trimmed.toLowerCase()) ? t('routes.domainTwice') : null
  const wrongs = rows.map(wrongOf)
  const change = (key: number, part: Partial<Row>) => setRows(rows.map((row) => (row.key === key ? { ...row, ...part } : row)))
  const submit = () => {
    setTried(true)
    if (nameWrong !== null || wrongs.some((wrong) => Object.values(wrong).some((text) => text !== undefined))) return
    onSave({ name: trimmed, routes: rows.map((row) => ({ host: row.host.trim(), port: Number(row.port), weight: Number(row.weight), tls: row.tls })) })
  }
  return (
    <Dialog
      open
      wide
      title={domain === undefined ? t('routes.addDomain') : t('routes.editOf', { name: domain.name })}
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
      <TextField label={t('routes.domain')} hint={t('routes.domainHint')} value={name} onValue={setName} error={tried ? nameWrong : null} autoFocus autoComplete="off" placeholder="acme.example" />
      <fieldset className="stack stack-sm">
        <legend className="label">{t('routes.goesTo')}</legend>
        <p className="muted small">{t('routes.routesHint')}</p>
        {rows.map((row, i) => {
          const wrong = tried ? wrongs[i] : undefined
          return (
            <div key={row.key} className="route-edit" role="group" aria-label={t('routes.route', { n: i + 1 })}>
              <TextField label={t('routes.host')} value={row.host} onValue={(host) => change(row.key, { host })} error={wrong?.host} autoComplete="off" />
              <TextField label={t('routes.port')} inputMode="numeric" value={row.port} onValue={(port) => change(row.key, { port })} error={wrong?.port} />
              <TextField label={t('routes.weight')} inputMode="numeric" value={row.weight} onValue={(weight) => change(row.key, { weight })} error={wrong?.weight} />
              <SelectField label={t('routes.level')} value={row.tls} onValue={(tls) => change(row.key, { tls })} choices={levelChoices(row.tls)} />
              <Button icon="trash" label={t('routes.removeRoute', { n: i + 1 })} onClick={() => setRows(rows.filter((other) => other.key !== row.key))} />
            </div>
          )
        })}
        <div>
          <Button small icon="plus" onClick={() => setRows([...rows, { key: Math.max(-1, ...rows.map((row) => row.key)) + 1, host: '', port: '25', weight: '1', tls: 'try' }])}>
            {t('routes.addRoute')}
          </Button>
        </div>
      </fieldset>
    </Dialog>
  )
}
