// System: what runs here, where it listens, how long its certificate lasts, and the settings in effect. They are
// read here and changed in gatepost.toml.

import { useState } from 'react'
import type { Listener, System } from '../../api/types'
import { Banner, Card, Chip, Facts, Loaded, Page, SearchField, Segments, SelectField, Table, type Column } from '../../design'
import { chosenTheme, chooseTheme, type Theme } from '../../app/theme'
import { bytes, duration, Time } from '../../lib/format'
import { currentLanguage, languages, setLanguage, t, type Language } from '../../lib/i18n'
import { useQuery } from '../../lib/query'

export default function SystemScreen() {
  const query = useQuery<System>('/system', { refresh: 60 })
  return (
    <Page title={t('system.title')} intro={t('system.intro')} help={{ text: <p>{t('system.help')}</p>, cli: 'gatepost check', api: 'GET /api/v1/system', keys: ['hostname', 'data_dir', '[[listener]]', '[tls]', '[limits]', '[delivery]', '[retention]'] }}>
      <Loaded query={query} lines={12}>
        {(system) => (
          <>
            <div className="columns">
              <Card title={t('system.gateway')}>
                <Facts
                  rows={[
                    [t('system.hostname'), <code key="h">{system.hostname}</code>],
                    [t('system.version'), system.version],
                    [t('system.started'), <Time key="s" at={system.started_at} ago />],
                  ]}
                />
              </Card>
              <Card title={t('system.storage')}>
                <Facts
                  rows={[
                    [t('system.store'), system.store],
                    [t('system.dataDir'), <code key="d">{system.data_dir}</code>],
                    [t('system.free'), system.free_bytes === null ? t('common.unknown') : bytes(system.free_bytes)],
                    ...Object.entries(system.retention).map(([name, kept]) => [t('system.kept', { what: name }), typeof kept === 'number' ? duration(kept) : (kept ?? '–')] as const),
                  ]}
                />
              </Card>
              <Certificate certificate={system.certificate} />
              <Look />
            </div>
            <Card title={t('system.listeners')} intro={t('system.listenersIntro')} flush>
              <Table compact caption={t('system.listeners')} columns={listenerColumns()} rows={system.listeners} rowKey={(l) => l.address} />
            </Card>
            <Settings settings={system.settings} />
          </>
        )}
      </Loaded>
    </Page>
  )
}

const soon = 21 * 86_400_000

function Certificate({ certificate }: { certificate: System['certificate'] }) {
  if (certificate === null) {
    return (
      <Card title={t('system.certificate')}>
        <Banner tone="warn">{t('system.noCertificate')}</Banner>
      </Card>
    )
  }
  const left = Date.parse(certificate.not_after) - Date.now()
  return (
    <Card
      title={t('system.certificate')}
      actions={
        left < 0 ? <Chip tone="bad" icon="error">{t('system.outOfDate')}</Chip> : left < soon ? <Chip tone="warn" icon="warning">{t('system.endsSoon')}</Chip> : <Chip tone="ok" icon="ok">{t('system.valid')}</Chip>
      }
    >
      <Facts
        rows={[
          [t('system.names'), certificate.names.join(', ')],
          [t('system.validUntil'), <Time key="u" at={certificate.not_after} />],
          [t('system.origin'), certificate.self_made ? t('system.selfMade') : t('system.configured')],
        ]}
      />
    </Card>
  )
}

function Look() {
  const [theme, setTheme] = useState(chosenTheme)
  return (
    <Card title={t('system.look')}>
      <Segments
        label={t('nav.theme')}
        value={theme}
        onValue={(value) => {
          chooseTheme(value as Theme)
          setTheme(value as Theme)
        }}
        choices={[
          { value: 'auto', label: t('nav.themeAuto') },
          { value: 'light', label: t('nav.themeLight') },
          { value: 'dark', label: t('nav.themeDark') },
        ]}
      />
      <SelectField label={t('nav.language')} value={currentLanguage()} onValue={(value) => void setLanguage(value as Language)} choices={Object.entries(languages).map(([value, label]) => ({ value, label }))} />
    </Card>
  )
}

const listenerColumns = (): Column<Listener>[] => [
  { key: 'address', head: t('system.address'), names: true, cell: (l) => <code>{l.address}</code> },
  { key: 'tls', head: t('system.tls'), cell: (l) => (l.tls === 'implicit' ? t('system.tlsImplicit') : l.tls === 'starttls' ? 'STARTTLS' : t('system.tlsOff')) },
  { key: 'require', head: t('system.requireTls'), cell: (l) => (l.require_tls ? t('common.yes') : t('common.no')) },
  { key: 'auth', head: t('system.auth'), cell: (l) => (l.auth ? t('common.yes') : t('common.no')) },
]

/** A setting as gatepost.toml would have it. */
function written(value: unknown): string {
  if (value === null || value === undefined) return '–'
  return typeof value === 'string' ? value : JSON.stringify(value)
}

function Settings({ settings }: { settings: Record<string, unknown> }) {
  const [wanted, setWanted] = useState('')
  const all = Object.entries(settings)
  const needle = wanted.trim().toLowerCase()
  const rows = all.filter(([name, value]) => needle === '' || name.toLowerCase().includes(needle) || written(value).toLowerCase().includes(needle))
  return (
    <Card title={t('system.settings')} intro={t('system.settingsIntro')} actions={<SearchField label={t('system.searchSettings')} value={wanted} onValue={setWanted} />} flush>
      {rows.length === 0 ? (
        <div className="card-body">
          <p className="muted">{t('system.noSetting')}</p>
        </div>
      ) : (
        <Table
          compact
          caption={t('system.settings')}
          columns={[
            { key: 'name', head: t('system.setting'), names: true, cell: ([name]) => <code>{name}</code> },
            { key: 'value', head: t('system.value'), cell: ([, value]) => <code>{written(value)}</code> },
          ]}
          rows={rows}
          rowKey={([name]) => name}
        />
      )}
    </Card>
  )
}
