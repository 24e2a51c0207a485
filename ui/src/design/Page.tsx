// A screen: one heading, the document's title, what can be done, and help with the same thing on the command line
// and by the API.

import { useEffect, useRef, useState, type ReactNode } from 'react'
import { t } from '../lib/i18n'
import { Link, movesSoFar } from '../lib/router'
import { Button } from './Button'
import { CopyBox } from './Copy'
import { Dialog } from './Dialog'
import { Icon } from './Icon'

/** What the `?` of a screen tells. */
export interface Help {
  text?: ReactNode
  /** The command that does or shows the same. */
  cli?: string
  /** The request that does or shows the same, `GET /api/v1/queue`. */
  api?: string
  /** The keys of gatepost.toml or the policy that this screen is about. */
  keys?: readonly string[]
}

export interface PageProps {
  title: string
  intro?: ReactNode
  actions?: ReactNode
  help?: Help
  back?: { to: string; label: string }
  narrow?: boolean
  children: ReactNode
}

export function Page({ title, intro, actions, help, back, narrow, children }: PageProps) {
  const heading = useRef<HTMLHeadingElement>(null)
  useEffect(() => {
    document.title = `${title} · Gatepost`
  }, [title])
  useEffect(() => {
    // After a move inside the console the new screen is announced, and the keyboard starts at its top.
    if (movesSoFar() === 0) return
    window.scrollTo(0, 0)
    if (document.querySelector('dialog[open]') === null) heading.current?.focus({ preventScroll: true })
  }, [])
  return (
    <div className={`page ${narrow === true ? 'page-narrow' : ''}`}>
      <header className="page-head">
        <div className="page-title">
          {back !== undefined && (
            <Link to={back.to} className="page-back">
              <Icon name="left" />
              {back.label}
            </Link>
          )}
          <div className="row">
            <h1 ref={heading} tabIndex={-1}>
              {title}
            </h1>
            {help !== undefined && <HelpButton screen={title} help={help} />}
          </div>
          {intro !== undefined && <p className="intro">{intro}</p>}
        </div>
        {actions !== undefined && <div className="row">{actions}</div>}
      </header>
      {children}
    </div>
  )
}

function HelpButton({ screen, help }: { screen: string; help: Help }) {
  const [open, setOpen] = useState(false)
  const title = t('common.helpFor', { screen })
  return (
    <>
      <Button kind="quiet" small icon="help" label={title} onClick={() => setOpen(true)} />
      <Dialog open={open} title={title} onClose={() => setOpen(false)}>
        {help.text !== undefined && <div className="stack stack-sm">{help.text}</div>}
        {help.cli !== undefined && <CopyBox label={t('common.asCli')} text={help.cli} />}
        {help.api !== undefined && <CopyBox label={t('common.asApi')} text={help.api} />}
        {help.keys !== undefined && (
          <div className="stack stack-sm">
            <h3>{t('common.configKey')}</h3>
            <p>
              {help.keys.map((key, i) => (
                <span key={key}>
                  {i > 0 && ', '}
                  <code>{key}</code>
                </span>
              ))}
            </p>
          </div>
        )}
      </Dialog>
    </>
  )
}

export function Card({ title, intro, actions, children, flush = false }: { title?: string; intro?: ReactNode; actions?: ReactNode; children: ReactNode; flush?: boolean }) {
  return (
    <section className="card" aria-label={title}>
      {title !== undefined && (
        <div className="card-head">
          <div className="row row-between">
            <h2>{title}</h2>
            {actions !== undefined && <div className="row">{actions}</div>}
          </div>
          {intro !== undefined && <p className="intro">{intro}</p>}
        </div>
      )}
      {flush ? children : <div className="card-body">{children}</div>}
    </section>
  )
}

/** Names and values, as a list. */
export function Facts({ rows }: { rows: readonly (readonly [string, ReactNode])[] }) {
  return (
    <dl className="facts">
      {rows.map(([name, value]) => (
        <FactRow key={name} name={name} value={value} />
      ))}
    </dl>
  )
}

function FactRow({ name, value }: { name: string; value: ReactNode }) {
  return (
    <>
      <dt>{name}</dt>
      <dd>{value}</dd>
    </>
  )
}
