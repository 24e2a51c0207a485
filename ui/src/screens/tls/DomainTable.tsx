// The effective table: a row a domain, with what can be done about it.

import { Button, ButtonLink, Chip, type Column } from '../../design'
import { number, Time } from '../../lib/format'
import { t } from '../../lib/i18n'
import { Link } from '../../lib/router'
import { LevelChip } from '../mail/chips'
import { Inert } from '../mail/Inert'
import type { TlsDomain } from '../../api/types'
import { spelled } from '../mail/unseen'
import { VirtualTable } from '../mail/VirtualTable'
import { quoted } from '../queue/filter'
import { StandingChip } from './ProbeDetails'
import { decidedBy } from './decided'
import { standing } from './readiness'
import { useWhyNot } from '../../app/session'

interface Props {
  rows: readonly TlsDomain[]
  total: number | null
  onProbe: (row: TlsDomain) => void
  onExplain: (row: TlsDomain) => void
}

export function DomainTable({ rows, total, onProbe, onExplain }: Props) {
  const mayNotProbe = useWhyNot('probe')
  const mayNotEdit = useWhyNot('edit_policy')
  const columns: Column<TlsDomain>[] = [
    { key: 'domain', head: t('mail.domain'), names: true, width: 'minmax(0, 1.6fr)', cell: (row) => <Inert text={row.domain} /> },
    {
      key: 'level',
      head: t('tls.level'),
      width: 'minmax(0, 1.8fr)',
      cell: (row) => (
        <div className="stack stack-sm">
          <span>
            <LevelChip level={row.level} />
          </span>
          <span className="small muted">
            <Inert text={decidedBy(row.decided_by)} />
          </span>
        </div>
      ),
    },
    { key: 'probe', head: t('tls.lastProbe'), width: 'minmax(0, 1.2fr)', cell: (row) => <LastProbe row={row} /> },
    { key: 'deliveries', head: t('tls.deliveries'), width: 'minmax(0, 1.5fr)', cell: (row) => <Deliveries row={row} /> },
    {
      key: 'waiting',
      head: t('tls.waiting'),
      width: '4rem',
      end: true,
      cell: (row) =>
        row.waiting === 0 ? (
          '0'
        ) : (
          <Link to={`/queue?filter=${encodeURIComponent(`domain=${quoted(row.domain)}`)}`}>
            {number(row.waiting)}
            <span className="hidden-text"> {t('tls.waitingAt', { domain: spelled(row.domain) })}</span>
          </Link>
        ),
    },
    {
      key: 'actions',
      head: t('common.actions'),
      width: '15.5rem',
      hideHead: true,
      cell: (row) => {
        const domain = spelled(row.domain)
        return (
          <span className="row">
            <Button small label={t('tls.probeOf', { domain })} why={mayNotProbe} onClick={() => onProbe(row)}>
              {t('tls.probe')}
            </Button>
            <Button small label={t('tls.explainOf', { domain })} onClick={() => onExplain(row)}>
              {t('tls.explain')}
            </Button>
            {mayNotEdit === null && ['plain', 'try'].includes(row.level) && <ButtonLink small label={t('tls.enforceOf', { domain })} to={`/tls/enforce?domain=${encodeURIComponent(row.domain)}`}>{t('tls.enforce')}</ButtonLink>}
          </span>
        )
      },
    },
  ]
  return <VirtualTable name="tls" caption={t('tls.table')} columns={columns} rows={rows} rowKey={(row) => row.domain} total={total} />
}

function LastProbe({ row }: { row: TlsDomain }) {
  const probe = row.last_probe
  if (probe === null) return <span className="muted">{t('tls.neverProbed')}</span>
  return (
    <div className="stack stack-sm">
      <span>
        <StandingChip how={standing(probe, row.level === 'plain' || row.level === 'try' ? 'require' : row.level)} />
      </span>
      <span className="small muted">
        <Time at={probe.at} ago />
      </span>
    </div>
  )
}

function Deliveries({ row }: { row: TlsDomain }) {
  const { delivered, encrypted, verified, clear, bounced } = row.deliveries
  if (delivered + bounced === 0) return <span className="muted">{t('tls.noDeliveries')}</span>
  return (
    <div className="stack stack-sm">
      <span>{row.domain.startsWith('.') ? t('tls.delivered', { n: delivered }) : <Link to={`/history?domain=${encodeURIComponent(row.domain)}`}>{t('tls.delivered', { n: delivered })}</Link>}</span>
      <span className="small muted">
        {t('tls.encryptedOf', { n: encrypted })} · {t('tls.verifiedOf', { n: verified })}
      </span>
      <span className="row">
        {clear > 0 && <Chip tone="warn">{t('tls.clearOf', { n: clear })}</Chip>}
        {bounced > 0 && <Chip tone="bad">{t('tls.bouncedOf', { n: bounced })}</Chip>}
      </span>
    </div>
  )
}
