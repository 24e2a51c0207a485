// What a probe found out about a domain: what would become of mail at each level, and every host with its certificate.

import { Chip, Facts, Table, type ChipTone, type Column, type IconName } from '../../design'
import { Time } from '../../lib/format'
import { t } from '../../lib/i18n'
import { Inert } from '../mail/Inert'
import type { Level, Probe, ProbeHost } from '../../api/types'
import { levelWord, verifiedWord, whyClause } from '../mail/words'
import { CertificateWord } from './CertificateWord'
import { standing, type Standing } from './readiness'

const looks: Record<Standing, [ChipTone, IconName]> = {
  passes: ['ok', 'check'],
  clear: ['warn', 'unlock'],
  fails: ['bad', 'error'],
  unknown: ['quiet', 'help'],
}

/** Whether it would work, as a word with its mark. */
export function StandingChip({ how }: { how: Standing }) {
  const [tone, icon] = looks[how]
  return (
    <Chip tone={tone} icon={icon}>
      {t(`tls.works_${how}`)}
    </Chip>
  )
}

const shown: readonly Level[] = ['try', 'require', 'verify']

export function ProbeDetails({ probe }: { probe: Probe }) {
  const via = { mx: null, route: t('tls.viaRoute'), smart_host: t('tls.viaSmartHost'), address: t('tls.viaAddress') }[probe.via ?? 'mx']
  return (
    <div className="stack">
      <p className="muted small">
        <Time at={probe.at} />
        {via !== null && <> · {via}</>}
      </p>
      <h3>{t('tls.verdicts')}</h3>
      <Facts
        rows={shown
          .filter((level) => probe.verdicts[level] !== undefined || probe.levels[level] !== undefined)
          .map((level) => [
            levelWord(level),
            <span key={level}>
              <StandingChip how={standing(probe, level)} /> <Inert text={probe.verdicts[level]?.text ?? ''} />
            </span>,
          ])}
      />
      <h3>{t('tls.hosts')}</h3>
      {probe.hosts.length === 0 ? (
        <p>
          {t('tls.noHosts')} {probe.why !== null && whyClause(probe.why)} {probe.detail !== null && <Inert text={probe.detail} />}
        </p>
      ) : (
        <Table caption={t('tls.hosts')} columns={columns()} rows={probe.hosts} rowKey={(_, at) => String(at)} />
      )}
    </div>
  )
}

function columns(): Column<ProbeHost>[] {
  return [
    {
      key: 'host',
      head: t('mail.host'),
      names: true,
      cell: (host) => (
        <>
          <Inert text={host.host} />
          <div className="muted small">{host.address}</div>
        </>
      ),
    },
    { key: 'tls', head: 'TLS', cell: (host) => <TlsOf host={host} /> },
    { key: 'certificate', head: t('tls.certificate'), cell: (host) => <CertificateOf host={host} /> },
    { key: 'why', head: t('mail.why'), cell: (host) => <WhyOf host={host} /> },
  ]
}

function TlsOf({ host }: { host: ProbeHost }) {
  if (host.version !== null) {
    return (
      <>
        {host.version}
        <div className="muted small">{host.cipher}</div>
        {host.implicit_tls && <div className="muted small">{t('tls.implicit')}</div>}
      </>
    )
  }
  return <>{host.starttls === false ? t('tls.starttls_none') : host.starttls === true ? t('tls.starttls_all') : t('tls.starttls_silent')}</>
}

/** Names of a certificate that are shown before the rest is only counted. */
const some = 3

function CertificateOf({ host }: { host: ProbeHost }) {
  const found = host.certificate
  if (found === null) return <>{t('tls.cert_none')}</>
  const names = found.names.length === 0 ? t('tls.noName') : found.names.slice(0, some).join(', ')
  const more = found.names.length - some
  return (
    <div className="stack stack-sm">
      <CertificateWord host={host} />
      <span>
        {t('tls.certNames')}: <Inert text={more > 0 ? t('tls.andMore', { names, n: more }) : names} />
      </span>
      {found.issuer !== null && (
        <span>
          {t('tls.certIssuer')}: <Inert text={found.issuer} />
        </span>
      )}
      <span className="small muted">{verifiedWord(host.verified_by)}</span>
      <span className="small muted">
        SHA-256: <code className="hash">{found.sha256}</code>
      </span>
    </div>
  )
}

function WhyOf({ host }: { host: ProbeHost }) {
  return (
    <div className="stack stack-sm">
      {host.why !== null && <span>{whyClause(host.why)}</span>}
      {host.reply !== null && <Inert text={host.reply} />}
      {host.detail !== null && (
        <span className="muted small">
          <Inert text={host.detail} />
        </span>
      )}
      {host.login && <span className="muted small">{t('tls.login')}</span>}
    </div>
  )
}
