// One revision: who made it and why, what it changed, and the whole policy as it was.

import { useState } from 'react'
import type { PageOf, Revision, WholeRevision } from '../../api/types'
import { useCan } from '../../app/session'
import type { ScreenProps } from '../../app/routes'
import { Button, Card, Chip, EmptyState, Facts, Loaded, Page } from '../../design'
import { Time } from '../../lib/format'
import { t } from '../../lib/i18n'
import { useQuery } from '../../lib/query'
import { saveText } from '../../lib/save'
import { Reason } from './ChangesScreen'
import { DifferenceView } from './DifferenceView'
import { revisionNumber } from './revisions'
import { Rollback } from './Rollback'

export default function RevisionScreen({ params }: ScreenProps) {
  const n = revisionNumber(params.n)
  const back = { to: '/changes', label: t('changes.back') }
  if (n === null) {
    return (
      <Page title={t('changes.notFound')} back={back} narrow>
        <EmptyState icon="search" title={t('changes.notFound')} />
      </Page>
    )
  }
  return <RevisionView n={n} back={back} />
}

function RevisionView({ n, back }: { n: number; back: { to: string; label: string } }) {
  const whole = useQuery<WholeRevision>(`/policy/revisions/${n}`)
  const newest = useQuery<PageOf<Revision>>('/policy/revisions', { query: { limit: 1 } })
  const mayEdit = useCan('edit_policy')
  const [asked, setAsked] = useState<number | null>(null)
  const current = newest.data?.items[0]?.revision ?? null
  if (whole.error?.status === 404) {
    return (
      <Page title={t('changes.notFound')} back={back} narrow>
        <EmptyState icon="search" title={t('changes.notFound')} />
      </Page>
    )
  }
  return (
    <Page
      title={t('changes.revisionN', { n: String(n) })}
      back={back}
      help={{ cli: `gatepost policy rollback ${n}`, api: `GET /api/v1/policy/revisions/${n}` }}
      actions={
        mayEdit &&
        current !== null &&
        current !== n && (
          <Button icon="undo" onClick={() => setAsked(n)}>
            {t('changes.rollback')}
          </Button>
        )
      }
    >
      <Loaded query={whole}>
        {(revision) => (
          <>
            <Card>
              {current === n && (
                <div>
                  <Chip tone="ok">{t('changes.isCurrent')}</Chip>
                </div>
              )}
              <Facts
                rows={[
                  [t('changes.at'), <Time key="at" at={revision.at} />],
                  [t('changes.by'), revision.by],
                  [t('changes.reason'), <Reason key="reason" text={revision.reason} />],
                ]}
              />
            </Card>
            <Card title={t('changes.diffTitle')}>{n > 1 ? <DifferenceView from={n - 1} to={n} /> : <p className="muted">{t('changes.first')}</p>}</Card>
            <Card
              title={t('changes.whole')}
              actions={
                <Button small icon="download" onClick={() => saveText(`policy-${n}.toml`, 'application/toml', revision.toml)}>
                  {t('changes.download')}
                </Button>
              }
            >
              <pre className="diff-text" tabIndex={0} aria-label={t('changes.whole')}>
                {revision.toml}
              </pre>
            </Card>
          </>
        )}
      </Loaded>
      <Rollback revision={asked} current={current ?? 0} onClose={() => setAsked(null)} />
    </Page>
  )
}
