// The readiness of a list: a row an entry, filled as the probes return. A row says whether the chosen level would work,
// and why not; its details open below it.

import { useState, type ReactNode } from 'react'
import { Button, Checkbox, Dialog, Table, type Column } from '../../design'
import { t } from '../../lib/i18n'
import { Inert } from '../mail/Inert'
import type { Level, Probe, ProbeHost } from '../../api/types'
import { spelled } from '../mail/unseen'
import { levelWord } from '../mail/words'
import { CertificateWord } from './CertificateWord'
import { ProbeDetails, StandingChip } from './ProbeDetails'
import { because, entryStanding, hostNames, left, looked, starttls, versions, type Row } from './readiness'
import { notProbed } from './notProbed'

export interface ReadinessProps {
  rows: readonly Row[]
  level: Level
  /** Lets the reader say for each row whether it is enforced. */
  enforced?: { of: (row: Row) => boolean; set: (domain: string, on: boolean) => void }
  caption: string
  /** A column more, such as when it was probed. */
  extra?: Column<Row>
}

export function ReadinessTable({ rows, level, enforced, caption, extra }: ReadinessProps) {
  const [open, setOpen] = useState<Row | null>(null)
  const columns: Column<Row>[] = [
    {
      key: 'domain',
      head: t('mail.domain'),
      names: true,
      cell: (row) =>
        row.state === 'done' && looked(row.probes).length > 0 ? (
          <Button small kind="quiet" className="linkish" label={t('tls.detailsOf', { domain: spelled(row.domain) })} onClick={() => setOpen(row)}>
            <Inert text={row.domain} />
          </Button>
        ) : (
          <Inert text={row.domain} />
        ),
    },
    { key: 'works', head: t('tls.worksAt', { level: levelWord(level) }), cell: (row) => <Works row={row} level={level} /> },
    { key: 'hosts', head: t('tls.hosts'), cell: (row) => ofDone(row, (probes) => <Inert text={firstOf(hostNames(hostsOf(probes)))} />) },
    { key: 'starttls', head: t('tls.starttls'), cell: (row) => ofDone(row, (probes) => t(`tls.starttls_${starttls(hostsOf(probes))}`)) },
    { key: 'version', head: t('tls.version'), cell: (row) => ofDone(row, (probes) => versions(hostsOf(probes)).join(', ') || '–') },
    { key: 'certificate', head: t('tls.certificate'), cell: (row) => ofDone(row, (probes) => <Certificate probes={probes} />) },
  ]
  if (extra !== undefined) columns.push(extra)
  if (enforced !== undefined) {
    columns.unshift({
      key: 'enforced',
      head: t('tls.inList'),
      cell: (row) => <Checkbox hideLabel label={t('tls.enforceRow', { domain: spelled(row.domain) })} checked={enforced.of(row)} onChecked={(on) => enforced.set(row.domain, on)} />,
    })
  }
  const table = <Table caption={caption} columns={columns} rows={rows} rowKey={(row) => row.domain} />
  return (
    <>
      {rows.length > many ? (
        <div className="scroll-box" role="region" aria-label={t('common.tableRegion', { caption })} tabIndex={0}>
          {table}
        </div>
      ) : (
        table
      )}
      <Dialog open={open !== null} wide title={open === null ? '' : t('tls.detailsOf', { domain: spelled(open.domain) })} onClose={() => setOpen(null)}>
        {open?.state === 'done' && looked(open.probes).map((probe) => <ProbeDetails key={probe.domain} probe={probe} />)}
      </Dialog>
    </>
  )
}

/** Above so many rows the table scrolls within itself, so that what follows stays near. */
const many = 12

const hostsOf = (probes: Probe[]): ProbeHost[] => probes.flatMap((probe) => probe.hosts)

function ofDone(row: Row, cell: (probes: Probe[]) => ReactNode): ReactNode {
  return row.state === 'done' ? cell(row.probes) : '–'
}

/** Whether it would work, and because of what. */
function Works({ row, level }: { row: Row; level: Level }) {
  if (row.state === 'waiting') return <span className="muted">{t('tls.pending')}</span>
  if (row.state === 'probing') return <span className="muted">{t('tls.probingRow')}</span>
  if (row.state === 'failed') {
    return (
      <div className="stack stack-sm">
        <span>
          <StandingChip how="unknown" /> {t('tls.probeFailed')}
        </span>
        <span className="small cause">
          <Inert text={row.problem} />
        </span>
      </div>
    )
  }
  const how = entryStanding(row.probes, level)
  const [seen, unseen] = [looked(row.probes), left(row.probes)]
  const worst = seen.find((probe) => entryStanding([probe], level) === how)
  return (
    <div className="stack stack-sm">
      <span>
        <StandingChip how={how} />
      </span>
      {worst !== undefined && (
        <span className="small cause">
          <Inert text={because(worst, level).text} />
        </span>
      )}
      {worst === undefined && unseen.length === 0 && <span className="small cause">{t('tls.noneKnown')}</span>}
      {unseen.map((probe) => (
        <span className="small cause" key={probe.domain}>
          {probe.domain !== row.domain && (
            <>
              <Inert text={probe.domain} />:{' '}
            </>
          )}
          {notProbed(probe, seen.length)}
        </span>
      ))}
    </div>
  )
}

/** The certificate of the first host that showed one. */
function Certificate({ probes }: { probes: Probe[] }) {
  const host = hostsOf(probes).find((one) => one.certificate !== null)
  return host === undefined ? t('tls.cert_none') : <CertificateWord host={host} />
}

/** The first three of some names, and how many more there are. */
function firstOf(names: string[]): string {
  const shown = names.slice(0, 3).join(', ')
  return names.length > 3 ? t('tls.andMore', { names: shown, n: names.length - 3 }) : shown || '–'
}
