// Check now: the button, how far it has got, and what came out in numbers.

import { Button } from '../../design'
import { t } from '../../lib/i18n'
import type { Level } from '../../api/types'
import type { Row } from './readiness'
import { tally } from './readiness'
import type { Probes } from './useProbes'

export function CheckPanel({ probes, rows, level, onCheck, why }: { probes: Probes; rows: readonly Row[]; level: Level; onCheck: () => void; why: string | null }) {
  const sums = tally([...rows], level)
  const done = rows.length - sums.pending
  const checked = probes.rows.size > 0
  return (
    <div className="stack stack-sm">
      <div className="row">
        <Button kind={checked ? 'plain' : 'primary'} icon="checklist" busy={probes.running} why={why} onClick={onCheck}>
          {checked && !probes.running ? t('tls.checkAgain') : t('tls.checkNow')}
        </Button>
        {probes.running && (
          <Button icon="stop" onClick={probes.stop}>
            {t('tls.checkStop')}
          </Button>
        )}
        <span className="muted small">{t('tls.checkHint')}</span>
      </div>
      <div role="status">
        {checked && (
          <p>
            <span className="strong">{probes.running ? t('tls.progress', { done, all: rows.length }) : t('tls.progressDone', { n: done })}</span>: {t('tls.tallyPasses', { n: sums.passes })} · {t('tls.tallyFails', { n: sums.fails })} · {t('tls.tallyUnknown', { n: sums.unknown })}
          </p>
        )}
      </div>
      {probes.running && <progress className="progress" value={done} max={rows.length} aria-label={t('tls.progress', { done, all: rows.length })} />}
    </div>
  )
}
