// One message in quarantine, with a preview of text alone: nothing of it is carried out, loaded or linked.

import { useState } from 'react'
import type { ScreenProps } from '../../app/routes'
import { ReadOnlyNote, useCan, useWhyNot } from '../../app/session'
import { Banner, Button, Card, EmptyState, ErrorState, Facts, Loaded, Page, Skeleton, Table } from '../../design'
import { segment } from '../../lib/api'
import { bytes, Time } from '../../lib/format'
import { t } from '../../lib/i18n'
import { useQuery } from '../../lib/query'
import { Link, navigate } from '../../lib/router'
import { Inert, Sender } from '../mail/Inert'
import { RuleLink } from '../rules/RuleLink'
import '../mail/mail.css'
import type { MailPreview, QuarantineEntry } from '../../api/types'
import { spelled } from '../mail/unseen'
import { DecideDialog, type Decision } from './DecideDialog'

export default function Entry({ params }: ScreenProps) {
  const id = params.id ?? ''
  const query = useQuery<QuarantineEntry>(`/quarantine/${segment(id)}`)
  const why = useWhyNot('operate_queue')
  const [decision, setDecision] = useState<Decision | null>(null)
  const entry = query.data
  const back = { to: '/quarantine', label: t('quarantine.back') }
  if (entry === undefined) {
    return (
      <Page title={t('quarantine.title')} back={back}>
        {query.error?.status === 404 ? <EmptyState icon="quarantine" title={t('quarantine.notFound')} /> : query.error !== null ? <ErrorState error={query.error} retry={query.reload} /> : <Skeleton lines={6} />}
      </Page>
    )
  }
  return (
    <Page
      title={entry.subject.trim() === '' ? t('mail.noSubject') : spelled(entry.subject)}
      back={back}
      help={{ cli: `gatepost quarantine show ${id}`, api: `GET /api/v1/quarantine/${id}/preview` }}
      actions={
        <>
          <Button icon="play" why={why} onClick={() => setDecision({ verb: 'release', ids: [entry.id] })}>
            {t('quarantine.release')}
          </Button>
          <Button kind="danger" icon="trash" why={why} onClick={() => setDecision({ verb: 'delete', ids: [entry.id] })}>
            {t('quarantine.delete')}
          </Button>
        </>
      }
    >
      <ReadOnlyNote capability="operate_queue" />
      <Card>
        <Facts
          rows={[
            [t('mail.rule'), <RuleLink key="r" name={entry.rule} />],
            [t('quarantine.keptFor'), entry.company ? t('quarantine.company') : t('quarantine.recipientOnly')],
            [t('mail.sender'), <Sender key="s" text={entry.sender} />],
            [t('mail.recipient'), <Inert key="t" text={entry.recipient} />],
            [t('quarantine.since'), <Time key="i" at={entry.since} />],
            [t('quarantine.expires'), <Time key="e" at={entry.expires} />],
            [
              t('mail.message'),
              <Link key="m" to={`/history/${entry.message}`}>
                {entry.message}
              </Link>,
            ],
          ]}
        />
      </Card>
      <PreviewCard id={entry.id} />
      <DecideDialog decision={decision} onClose={() => setDecision(null)} onDone={() => navigate('/quarantine')} />
    </Page>
  )
}

function PreviewCard({ id }: { id: string }) {
  const may = useCan('read_content')
  const preview = useQuery<MailPreview>(may ? `/quarantine/${segment(id)}/preview` : null)
  return (
    <Card title={t('quarantine.preview')} intro={t('quarantine.previewText')}>
      {may ? <Loaded query={preview}>{(data) => <Content preview={data} />}</Loaded> : <Banner>{t('quarantine.previewMayNot')}</Banner>}
    </Card>
  )
}

function Content({ preview }: { preview: MailPreview }) {
  return (
    <>
      <h3>{t('quarantine.body')}</h3>
      {preview.from_html && <Banner>{t('quarantine.previewHtml')}</Banner>}
      {preview.text.trim() === '' ? (
        <p className="muted">{t('quarantine.previewNone')}</p>
      ) : (
        <div className="body-text" role="region" aria-label={t('quarantine.body')} tabIndex={0}>
          <Inert text={preview.text} lines />
        </div>
      )}
      {preview.truncated && <Banner tone="warn">{t('quarantine.previewTruncated')}</Banner>}
      <h3>{t('quarantine.attachments')}</h3>
      {preview.attachments.length === 0 ? (
        <p className="muted">{t('quarantine.noAttachments')}</p>
      ) : (
        <Table
          caption={t('quarantine.attachments')}
          rows={preview.attachments}
          rowKey={(_, at) => String(at)}
          columns={[
            { key: 'name', head: t('quarantine.attachmentName'), names: true, cell: (one) => (one.name === null || one.name === '' ? <span className="muted">{t('quarantine.noName')}</span> : <Inert text={one.name} />) },
            { key: 'type', head: t('quarantine.attachmentType'), cell: (one) => <Inert text={one.type} /> },
            { key: 'size', head: t('mail.size'), end: true, cell: (one) => bytes(one.size) },
          ]}
        />
      )}
      <h3>{t('quarantine.headers')}</h3>
      <div className="body-text" role="region" aria-label={t('quarantine.headers')} tabIndex={0}>
        {preview.headers.map(([name, value], at) => (
          <div key={at}>
            <span className="strong">
              <Inert text={name} />:
            </span>{' '}
            <Inert text={value} />
          </div>
        ))}
      </div>
    </>
  )
}
