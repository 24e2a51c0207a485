// The filter as text, and what narrows it with one click. Every comparison of the filter is a chip that can be taken away.

import { useEffect, useState } from 'react'
import { Banner, Button, Icon, Segments, SelectField, TextField, problemText } from '../../design'
import type { ProblemError } from '../../lib/api'
import { t } from '../../lib/i18n'
import why from '../../locales/en/why'
import { stateWord, whyClause } from '../mail/words'
import { demanded, narrowed, quoted, terms } from './filter'

const states = ['waiting', 'sending', 'held'] as const

export function FilterBar({ filter, onFilter, problem }: { filter: string; onFilter: (filter: string) => void; problem: ProblemError | null }) {
  const [text, setText] = useState(filter)
  useEffect(() => setText(filter), [filter])
  const parts = terms(filter)
  const set = (field: string, value: string) => onFilter(narrowed(filter, { [field]: value === '' ? [] : [`${field}=${quoted(value)}`] }))
  return (
    <div className="stack">
      <form
        className="toolbar"
        role="search"
        onSubmit={(event) => {
          event.preventDefault()
          onFilter(text.trim())
        }}
      >
        <TextField className="wide" label={t('queue.filter')} placeholder={t('queue.filterHint')} value={text} onValue={setText} error={problem === null ? null : problemText(problem)} />
        <Button type="submit" icon="filter">
          {t('queue.apply')}
        </Button>
        {filter !== '' && (
          <Button kind="quiet" icon="close" onClick={() => onFilter('')}>
            {t('queue.clear')}
          </Button>
        )}
      </form>
      <div className="toolbar" role="group" aria-label={t('queue.chips')}>
        <Segments
          label={t('queue.chipState')}
          value={demanded(filter, 'state') ?? ''}
          onValue={(value) => set('state', value)}
          choices={[{ value: '', label: t('queue.chipAll') }, ...states.map((state) => ({ value: state, label: stateWord(state) }))]}
        />
        <SelectField
          label={t('queue.chipWhy')}
          value={demanded(filter, 'why') ?? ''}
          onValue={(value) => set('why', value)}
          choices={[{ value: '', label: t('queue.chipAll') }, ...Object.keys(why).map((word) => ({ value: word, label: whyClause(word) }))]}
        />
        <DomainField value={demanded(filter, 'domain') ?? ''} onValue={(value) => set('domain', value)} />
      </div>
      {parts.length > 0 && problem === null && (
        <ul className="plain row" aria-label={t('queue.chosen')}>
          {parts.map((part) => (
            <li key={part}>
              <Button small onClick={() => onFilter(parts.filter((other) => other !== part).join(' and '))} label={t('queue.chipRemove', { part })}>
                <bdi>
                  <code>{part}</code>
                </bdi>
                <Icon name="close" />
              </Button>
            </li>
          ))}
        </ul>
      )}
      {problem !== null && problem.errors.length > 0 && (
        <Banner tone="bad" live title={t('queue.filterProblem')}>
          <ul>
            {problem.errors.map((error, at) => (
              <li key={at}>
                {error.detail} {error.remedy}
              </li>
            ))}
          </ul>
        </Banner>
      )}
    </div>
  )
}

/** The domain is taken over when it was typed whole, not at every letter. */
function DomainField({ value, onValue }: { value: string; onValue: (value: string) => void }) {
  const [text, setText] = useState(value)
  useEffect(() => setText(value), [value])
  const done = () => {
    if (text.trim() !== value) onValue(text.trim())
  }
  return (
    <form
      className="field"
      onSubmit={(event) => {
        event.preventDefault()
        done()
      }}
    >
      <TextField label={t('queue.chipDomain')} value={text} onValue={setText} onBlur={done} />
    </form>
  )
}
