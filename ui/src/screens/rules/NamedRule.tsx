// `/rules/named?name=…`: the rule that has that name now. What links here has a name from the past, so that the rule
// may be called otherwise by now, or be gone.

import { useEffect } from 'react'
import { ErrorState, Page, Skeleton } from '../../design'
import { fold } from '../../draft/document'
import { useDraft } from '../../draft/state'
import { ruleName } from '../../draft/types'
import { t } from '../../lib/i18n'
import { navigate, useSearch } from '../../lib/router'
import { NoRule } from './RuleScreen'

export default function NamedRule() {
  const { draft, error, reload } = useDraft()
  const [search] = useSearch()
  const name = fold(search.get('name') ?? '')
  const key = draft?.document.rule.find((rule) => fold(ruleName(rule)) === name)?.key
  useEffect(() => {
    if (key !== undefined) navigate(`/rules/${encodeURIComponent(key)}`, { replace: true })
  }, [key])
  if (draft !== null && key === undefined) return <NoRule />
  return (
    <Page title={t('rules.title')} back={{ to: '/rules', label: t('rules.toList') }} narrow>
      {error === null ? <Skeleton lines={8} /> : <ErrorState error={error} retry={reload} />}
    </Page>
  )
}
