// How two revisions differ, in words and as text.

import { useState } from 'react'
import type { Difference } from '../../api/types'
import { Loaded, Tabs } from '../../design'
import { ChangeList, DiffText } from '../../draft/difference'
import { t } from '../../lib/i18n'
import { useQuery } from '../../lib/query'

export function DifferenceView({ from, to }: { from: number; to: number }) {
  const difference = useQuery<Difference>(`/policy/revisions/${from}/diff`, { query: { to } })
  const [tab, setTab] = useState('words')
  return (
    <Loaded query={difference} lines={4}>
      {(data) =>
        data.changes.length === 0 && data.text.trim() === '' ? (
          <p className="muted">{t('changes.noDiff')}</p>
        ) : (
          <Tabs
            label={t('draft.words')}
            value={tab}
            onValue={setTab}
            tabs={[
              { id: 'words', label: t('draft.words'), content: () => <ChangeList changes={data.changes} /> },
              { id: 'text', label: t('draft.asText'), content: () => <DiffText text={data.text} /> },
            ]}
          />
        )
      }
    </Loaded>
  )
}
