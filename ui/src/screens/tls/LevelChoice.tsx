// The level for the list, with what each would stop.

import { useId } from 'react'
import { t } from '../../lib/i18n'
import type { Wish } from './ListJourney'
import { tally, type Row } from './readiness'

export function LevelChoice({ wish, setWish, rows }: { wish: Wish; setWish: (wish: Wish) => void; rows: readonly Row[] }) {
  const name = useId()
  const checked = rows.some((row) => row.state === 'done')
  return (
    <fieldset className="field">
      <legend className="label">{t('tls.levelLegend')}</legend>
      <div className="radio-cards">
        {(['Require', 'Verify'] as const).map((choice) => {
          const stops = tally([...rows], choice === 'Require' ? 'require' : 'verify').fails
          return (
            <label key={choice} className="radio-card">
              <input type="radio" name={name} value={choice} checked={wish === choice} onChange={() => setWish(choice)} aria-describedby={`${name}${choice}`} aria-label={t(`tls.level${choice}`)} />
              <span>
                <span className="strong">{t(`tls.level${choice}`)}</span>
                <span id={`${name}${choice}`}>
                  <span className="hint">{t(`tls.level${choice}Text`)}</span>
                  {checked && <span className="small">{stops === 0 ? t('tls.levelNoneStops') : t('tls.levelWouldStop', { n: stops })}</span>}
                </span>
              </span>
            </label>
          )
        })}
      </div>
    </fieldset>
  )
}
