// Text of strangers on a screen: isolated in its direction, every character that cannot be seen named in its place.

import { t } from '../../lib/i18n'
import { runs } from './unseen'
import './mail.css'

export function Inert({ text, lines = false }: { text: string; lines?: boolean }) {
  return (
    <bdi className={lines ? 'inert inert-lines' : 'inert'}>
      {runs(text, lines).map((run, at) =>
        run.hidden === null ? (
          run.text
        ) : (
          <span key={at} className="unseen" title={t('mail.hidden', { code: run.hidden })}>
            {run.hidden}
          </span>
        ),
      )}
    </bdi>
  )
}

/** An envelope sender; the null sender has a name. */
export function Sender({ text }: { text: string }) {
  return text === '' ? <span className="muted">{t('mail.nullSender')}</span> : <Inert text={text} />
}

/** A subject; none has a name. */
export function Subject({ text }: { text: string }) {
  return text.trim() === '' ? <span className="muted">{t('mail.noSubject')}</span> : <Inert text={text} />
}
