// No screen at this address.

import { t } from '../lib/i18n'
import { ButtonLink, EmptyState, Page } from '../design'

export function NotFound() {
  return (
    <Page title={t('common.notFoundTitle')}>
      <EmptyState
        icon="search"
        title={t('common.notFoundText')}
        actions={
          <ButtonLink to="/" kind="primary">
            {t('common.toOverview')}
          </ButtonLink>
        }
      />
    </Page>
  )
}
