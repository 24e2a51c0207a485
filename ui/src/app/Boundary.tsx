// Catches what a screen throws while it is drawn, also when its file could not be fetched, so that the frame stays.

import { Component, type ReactNode } from 'react'
import { t } from '../lib/i18n'
import { Banner, Button } from '../design'

export class Boundary extends Component<{ children: ReactNode }, { error: Error | null }> {
  override state: { error: Error | null } = { error: null }

  static getDerivedStateFromError(error: unknown): { error: Error } {
    return { error: error instanceof Error ? error : new Error(String(error)) }
  }

  override render(): ReactNode {
    const { error } = this.state
    if (error === null) return this.props.children
    return (
      <div className="page page-narrow">
        <h1>{t('common.crashTitle')}</h1>
        <Banner
          tone="bad"
          live
          title={t('common.crashText')}
          actions={
            <Button icon="refresh" onClick={() => location.reload()}>
              {t('common.reload')}
            </Button>
          }
        >
          <p>
            <code>{error.message}</code>
          </p>
        </Banner>
      </div>
    )
  }
}
