// TLS: the cards that set it up, and for every domain what it gets, who decided it, and what was had.

import { useEffect, useState } from 'react'
import { ReadOnlyNote, useCan } from '../../app/session'
import { Button, Card, EmptyState, ErrorState, Icon, Page, Pager, SearchField, Skeleton, toast } from '../../design'
import { draftStore, useDraft } from '../../draft/state'
import { t } from '../../lib/i18n'
import { usePaged } from '../../lib/query'
import { Link, useSearch } from '../../lib/router'
import '../mail/mail.css'
import { useWholeSearch } from '../mail/useWholeSearch'
import type { TlsDomain } from '../../api/types'
import { DomainTable } from './DomainTable'
import { ExplainDialog } from './ExplainDialog'
import { ProbeDialog } from './ProbeDialog'
import { opportunisticForAll, triesForAll } from './presets'

export default function Tls() {
  const [search, setSearch] = useSearch()
  const q = search.get('q') ?? ''
  const [text, setText] = useState(q)
  useEffect(() => {
    if (text === q) return undefined
    const timer = setTimeout(() => setSearch({ q: text }), 250)
    return () => clearTimeout(timer)
  }, [text, q, setSearch])
  const list = usePaged<TlsDomain>('/tls/domains', { query: { q } })
  const looking = useWholeSearch(list)
  const [probed, setProbed] = useState<TlsDomain | null>(null)
  const [explained, setExplained] = useState<TlsDomain | null>(null)
  return (
    <Page title={t('tls.title')} intro={t('tls.lead')} help={{ cli: 'gatepost tls report --since 30d', api: 'GET /api/v1/tls/domains', keys: ['delivery.default_tls_level', '[[tls_policy]]'] }}>
      <ReadOnlyNote capability="edit_policy" />
      <Cards />
      <Card title={t('tls.table')} flush>
        <div className="select-all">
          <SearchField label={t('tls.search')} value={text} onValue={setText} />
        </div>
        {list.error !== null && (
          <div className="card-body">
            <ErrorState error={list.error} retry={list.reload} />
          </div>
        )}
        {list.loading || looking ? (
          <div className="card-body">
            <Skeleton />
          </div>
        ) : list.items.length > 0 ? (
          <DomainTable rows={list.items} total={list.total} onProbe={setProbed} onExplain={setExplained} />
        ) : (
          list.error === null && <EmptyState icon="shield" title={q === '' ? t('tls.empty') : t('tls.emptySearch')} />
        )}
        <Pager list={list} />
      </Card>
      <ProbeDialog row={probed} onClose={() => setProbed(null)} />
      <ExplainDialog row={explained} onClose={() => setExplained(null)} />
    </Page>
  )
}

function Cards() {
  const { draft } = useDraft()
  const editable = useCan('edit_policy')
  const tries = draft !== null && triesForAll(draft.document)
  return (
    <section className="set-ups" aria-label={t('tls.cards')}>
      <div className="card">
        <Link to="/tls/enforce" className="card-link">
          <span className="row strong">
            <Icon name="lock" />
            {t('tls.cardList')}
          </span>
          <span>{t('tls.cardListText')}</span>
        </Link>
      </div>
      <div className="card">
        <Link to="/tls/except" className="card-link">
          <span className="row strong">
            <Icon name="shield" />
            {t('tls.cardExcept')}
          </span>
          <span>{t('tls.cardExceptText')}</span>
        </Link>
      </div>
      <div className="card">
        <div className="card-link">
          <span className="row strong">
            <Icon name="unlock" />
            {t('tls.cardAll')}
          </span>
          <span>{t('tls.cardAllText')}</span>
          {tries ? (
            <span className="muted">{t('tls.cardAllDone')}</span>
          ) : (
            editable &&
            draft !== null && (
              <span>
                <Button
                  small
                  onClick={() => {
                    draftStore.edit(t('tls.cardAll'), opportunisticForAll)
                    toast(t('tls.drafted'))
                  }}
                >
                  {t('tls.cardAllMake')}
                </Button>
              </span>
            )
          )}
        </div>
      </div>
    </section>
  )
}
