// A menu behind a button: arrow keys, Home, End, Escape and a letter work as in any menu.

import { useEffect, useId, useRef, useState, type KeyboardEvent, type ReactNode } from 'react'
import { navigate } from '../lib/router'
import { Icon, type IconName } from './Icon'

export type MenuEntry =
  | { label: string; icon?: IconName; danger?: boolean; onSelect: () => void; why?: string | null; checked?: boolean; /** Several entries can be checked: the menu stays open. */ several?: boolean }
  | { label: string; icon?: IconName; to: string }
  | { heading: string }
  | 'separator'

export interface MenuProps {
  label: string
  /** What the button shows; an icon alone takes `label` as its name. */
  children?: ReactNode
  icon?: IconName
  entries: readonly MenuEntry[]
  align?: 'start' | 'end'
  small?: boolean
  className?: string
}

export function Menu({ label, children, icon = 'dots', entries, align = 'end', small = true, className }: MenuProps) {
  const [open, setOpen] = useState(false)
  const box = useRef<HTMLDivElement>(null)
  const list = useRef<HTMLDivElement>(null)
  const button = useRef<HTMLButtonElement>(null)
  const id = useId()

  useEffect(() => {
    if (!open) return undefined
    list.current?.querySelector<HTMLElement>('[role^="menuitem"]')?.focus()
    const outside = (event: PointerEvent) => {
      if (!(event.target instanceof Node) || box.current?.contains(event.target) !== true) setOpen(false)
    }
    document.addEventListener('pointerdown', outside)
    return () => document.removeEventListener('pointerdown', outside)
  }, [open])

  const close = () => {
    setOpen(false)
    button.current?.focus()
  }

  const keys = (event: KeyboardEvent) => {
    const items = [...(list.current?.querySelectorAll<HTMLElement>('[role^="menuitem"]') ?? [])]
    const at = items.indexOf(document.activeElement as HTMLElement)
    const go = (index: number) => {
      event.preventDefault()
      items[(index + items.length) % items.length]?.focus()
    }
    if (event.key === 'Escape') {
      event.preventDefault()
      event.stopPropagation()
      close()
    } else if (event.key === 'Tab') setOpen(false)
    else if (event.key === 'ArrowDown') go(at + 1)
    else if (event.key === 'ArrowUp') go(at - 1)
    else if (event.key === 'Home') go(0)
    else if (event.key === 'End') go(items.length - 1)
    else if (event.key.length === 1 && event.key !== ' ') {
      const found = items.findIndex((item, i) => i > at && item.textContent?.trim().toLowerCase().startsWith(event.key.toLowerCase()) === true)
      if (found >= 0) go(found)
    }
  }

  const alone = children === undefined
  return (
    <div className={`menu ${align === 'start' ? 'menu-start' : ''} ${className ?? ''}`} ref={box}>
      <button
        ref={button}
        type="button"
        className={`btn btn-quiet ${small ? 'btn-small' : ''} ${alone ? 'btn-icon' : ''}`}
        aria-haspopup="menu"
        aria-expanded={open}
        aria-controls={open ? id : undefined}
        aria-label={label}
        title={alone ? label : undefined}
        onClick={() => setOpen(!open)}
        onKeyDown={(event) => {
          if (event.key === 'ArrowDown' && !open) {
            event.preventDefault()
            setOpen(true)
          }
        }}
      >
        {alone ? <Icon name={icon} /> : children}
      </button>
      {open && (
        <div ref={list} id={id} role="menu" aria-label={label} className="menu-list" onKeyDown={keys}>
          {entries.map((entry, i) => (
            <Entry key={i} entry={entry} close={close} />
          ))}
        </div>
      )}
    </div>
  )
}

function Entry({ entry, close }: { entry: MenuEntry; close: () => void }) {
  if (entry === 'separator') return <div role="separator" className="menu-separator" />
  if ('heading' in entry)
    return (
      <div role="presentation" className="menu-label">
        {entry.heading}
      </div>
    )
  if ('to' in entry) {
    return (
      <a
        role="menuitem"
        tabIndex={-1}
        className="menu-item"
        href={entry.to}
        onClick={(event) => {
          event.preventDefault()
          close()
          navigate(entry.to)
        }}
      >
        {entry.icon !== undefined && <Icon name={entry.icon} />}
        {entry.label}
      </a>
    )
  }
  const refused = entry.why !== undefined && entry.why !== null
  const choice = entry.checked !== undefined
  return (
    <button
      type="button"
      role={choice ? (entry.several === true ? 'menuitemcheckbox' : 'menuitemradio') : 'menuitem'}
      aria-checked={entry.checked}
      tabIndex={-1}
      className={`menu-item ${entry.danger === true ? 'menu-item-danger' : ''}`}
      aria-disabled={refused || undefined}
      title={entry.why ?? undefined}
      onClick={() => {
        if (refused) return
        if (entry.several !== true) close()
        entry.onSelect()
      }}
    >
      {choice ? <Icon name="check" className={entry.checked === true ? '' : 'icon-off'} /> : entry.icon !== undefined && <Icon name={entry.icon} />}
      {entry.label}
    </button>
  )
}
