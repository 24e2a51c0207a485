// Actions on many: on what is selected by hand, and on everything that the filter picks.

import { Button, Icon, Menu } from '../../design'
import { t } from '../../lib/i18n'
import type { QueueEntry } from '../../api/types'
import { allMenu, byHand, selectedMenu, type Act } from './ActDialog'

interface Props {
  filter: string
  total: number | null
  selected: readonly QueueEntry[]
  onAct: (act: Act) => void
  onClear: () => void
}

export function ActBar({ filter, total, selected, onAct, onClear }: Props) {
  return (
    <>
      {selected.length > 0 && (
        <>
          <span role="status" className="muted small">
            {selected.length > byHand ? t('queue.tooMany', { max: byHand }) : t('queue.selected', { n: selected.length })}
          </span>
          <Button small kind="quiet" onClick={onClear}>
            {t('common.clear')}
          </Button>
          {selected.length <= byHand && (
            <Menu className="menu-framed" label={t('queue.forSelected')} entries={selectedMenu(selected, onAct)}>
              {t('queue.forSelected')}
              <Icon name="chevron" />
            </Menu>
          )}
        </>
      )}
      {selected.length === 0 && total !== null && (
        <Menu className="menu-framed" label={t('queue.forAll', { n: total })} entries={allMenu(filter, onAct)}>
          {t('queue.forAll', { n: total })}
          <Icon name="chevron" />
        </Menu>
      )}
    </>
  )
}
