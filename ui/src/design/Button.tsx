// Buttons and links that look like them. A button that may not be pressed stays reachable and says why.

import { useId, type ButtonHTMLAttributes, type ReactNode, type Ref } from 'react'
import { Link } from '../lib/router'
import { Icon, type IconName } from './Icon'

export type ButtonKind = 'plain' | 'primary' | 'danger' | 'danger-solid' | 'quiet'

const classes: Record<ButtonKind, string> = {
  plain: '',
  primary: 'btn-primary',
  danger: 'btn-danger',
  'danger-solid': 'btn-danger btn-solid',
  quiet: 'btn-quiet',
}

interface Look {
  kind?: ButtonKind
  icon?: IconName
  small?: boolean
  /** The accessible name of a button that shows an icon alone. */
  label?: string
}

export interface ButtonProps extends Look, Omit<ButtonHTMLAttributes<HTMLButtonElement>, 'aria-disabled'> {
  /** The write that it began is under way: it shows so and takes no second press. */
  busy?: boolean
  /** Why it may not be pressed now, a sentence; it can still be reached, and the reason is read out. */
  why?: string | null | undefined
  children?: ReactNode
  ref?: Ref<HTMLButtonElement>
}

export function Button({ kind = 'plain', icon, small, label, busy = false, why, children, className = '', type = 'button', onClick, ...rest }: ButtonProps) {
  const reason = useId()
  const refused = why !== undefined && why !== null
  const alone = children === undefined
  return (
    <>
      <button
        aria-describedby={refused ? reason : undefined}
        {...rest}
        type={type}
        className={`btn ${classes[kind]} ${small === true ? 'btn-small' : ''} ${alone ? 'btn-icon' : ''} ${className}`}
        aria-label={label}
        title={refused ? why : alone ? label : rest.title}
        aria-busy={busy || undefined}
        aria-disabled={refused || busy || undefined}
        onClick={(event) => {
          if (refused || busy) event.preventDefault()
          else onClick?.(event)
        }}
      >
        {busy ? <Icon name="refresh" /> : icon !== undefined && <Icon name={icon} />}
        {children}
      </button>
      {refused && (
        <span id={reason} hidden>
          {why}
        </span>
      )}
    </>
  )
}

export function ButtonLink({ to, kind = 'plain', icon, small, label, children }: Look & { to: string; children?: ReactNode }) {
  const alone = children === undefined
  return (
    <Link to={to} aria-label={label} title={alone ? label : undefined} className={`btn ${classes[kind]} ${small === true ? 'btn-small' : ''} ${alone ? 'btn-icon' : ''}`}>
      {icon !== undefined && <Icon name={icon} />}
      {children}
    </Link>
  )
}
