// The daily roots of the chain: what an auditor keeps so that nothing can be rewritten later.

import { useState } from 'react'
import { Button, CopyButton, Loaded, Table } from '../../design'
import { day } from '../../lib/format'
import { t } from '../../lib/i18n'
import type { Period } from '../../lib/period'
import { useWhole } from '../mail/useWhole'
import type { Evidence, Root } from '../../api/types'

export function Roots({ data, period }: { data: Evidence; period: Period }) {
  const [open, setOpen] = useState(false)
  const roots = useWhole<Root>(open ? '/tls/evidence/roots' : null, { from: period.from, to: period.to })
  return (
    <section className="stack stack-sm" aria-label={t('evidence.roots')}>
      <div className="row row-between">
        <span>
          {t('evidence.roots')}: {t('evidence.rootsSigned', { signed: data.roots.signed, days: data.roots.days })}
        </span>
        <Button small aria-expanded={open} onClick={() => setOpen(!open)}>
          {t('evidence.rootsShow')}
        </Button>
      </div>
      {open && (
        <Loaded query={roots}>
          {(items) => {
            if (items.length === 0) return <p className="muted">{t('evidence.rootsNone')}</p>
            return (
              <Table
                caption={t('evidence.roots')}
                rows={items}
                rowKey={(root) => root.day}
                columns={[
                  { key: 'day', head: t('evidence.rootsDay'), names: true, fit: true, cell: (root) => day(root.day) },
                  {
                    key: 'root',
                    head: t('evidence.rootsRoot'),
                    cell: (root) => (
                      <span className="row">
                        <code className="grow">{root.root}</code>
                        <CopyButton text={root.root} what={t('evidence.rootsRoot')} />
                      </span>
                    ),
                  },
                ]}
              />
            )
          }}
        </Loaded>
      )}
    </section>
  )
}
