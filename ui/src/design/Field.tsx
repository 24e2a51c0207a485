// Fields of a form: a label, a hint and an error that belong to their control for everyone who reads them.

import { useId, type InputHTMLAttributes, type ReactNode, type Ref, type SelectHTMLAttributes, type TextareaHTMLAttributes } from 'react'
import { t } from '../lib/i18n'
import { Icon } from './Icon'

/** What a control must carry so that its label, hint and error are its own. */
export interface ControlProps {
  id: string
  'aria-describedby': string | undefined
  'aria-invalid': true | undefined
  className: string
}

export interface FieldProps {
  label: string
  hint?: ReactNode
  error?: string | null | undefined
  optional?: boolean
  hideLabel?: boolean
  className?: string
}

export function Field({ label, hint, error, optional, hideLabel, className = '', children }: FieldProps & { children: (control: ControlProps) => ReactNode }) {
  const id = useId()
  const wrong = error !== undefined && error !== null && error !== ''
  const described = [hint !== undefined && hint !== null ? `${id}h` : '', wrong ? `${id}e` : ''].filter(Boolean).join(' ')
  return (
    <div className={`field ${className}`}>
      <label htmlFor={id} className={hideLabel === true ? 'hidden-text' : undefined}>
        {label} {optional === true && <span className="optional">({t('common.optional')})</span>}
      </label>
      {children({ id, 'aria-describedby': described === '' ? undefined : described, 'aria-invalid': wrong || undefined, className: 'input' })}
      {hint !== undefined && hint !== null && (
        <div id={`${id}h`} className="hint">
          {hint}
        </div>
      )}
      {wrong && <FieldError id={`${id}e`} text={error} />}
    </div>
  )
}

export function FieldError({ id, text }: { id?: string; text: string }) {
  return (
    <div id={id} className="field-error">
      <Icon name="error" />
      <span>{text}</span>
    </div>
  )
}

type Own = FieldProps & { value: string; onValue: (value: string) => void; ref?: Ref<HTMLInputElement> }

export function TextField({ label, hint, error, optional, hideLabel, className, value, onValue, ...rest }: Own & Omit<InputHTMLAttributes<HTMLInputElement>, keyof Own>) {
  return (
    <Field {...{ label, hint, error, optional, hideLabel, className }}>
      {(control) => <input type="text" autoCapitalize="none" spellCheck={false} {...rest} {...control} value={value} onChange={(e) => onValue(e.target.value)} />}
    </Field>
  )
}

/** A search box: a text field with a magnifier, its label hidden from the eye. */
export function SearchField({ label, value, onValue, className, placeholder }: { label: string; value: string; onValue: (value: string) => void; className?: string; placeholder?: string }) {
  return (
    <Field label={label} hideLabel className={className}>
      {(control) => (
        <div className="input-icon">
          <Icon name="search" />
          <input type="search" spellCheck={false} autoCapitalize="none" {...control} placeholder={placeholder ?? label} value={value} onChange={(e) => onValue(e.target.value)} />
        </div>
      )}
    </Field>
  )
}

export interface Choice {
  value: string
  label: string
  disabled?: boolean
}

export function SelectField({
  label,
  hint,
  error,
  optional,
  hideLabel,
  className,
  value,
  onValue,
  choices,
  ...rest
}: FieldProps & { value: string; onValue: (value: string) => void; choices: readonly Choice[] } & Omit<SelectHTMLAttributes<HTMLSelectElement>, 'value' | 'className'>) {
  return (
    <Field {...{ label, hint, error, optional, hideLabel, className }}>
      {(control) => (
        <select {...rest} {...control} value={value} onChange={(e) => onValue(e.target.value)}>
          {choices.map((choice) => (
            <option key={choice.value} value={choice.value} disabled={choice.disabled}>
              {choice.label}
            </option>
          ))}
        </select>
      )}
    </Field>
  )
}

export function TextAreaField({
  label,
  hint,
  error,
  optional,
  hideLabel,
  className,
  value,
  onValue,
  ...rest
}: FieldProps & { value: string; onValue: (value: string) => void } & Omit<TextareaHTMLAttributes<HTMLTextAreaElement>, 'value' | 'className'>) {
  return (
    <Field {...{ label, hint, error, optional, hideLabel, className }}>
      {(control) => <textarea rows={4} {...rest} {...control} value={value} onChange={(e) => onValue(e.target.value)} />}
    </Field>
  )
}

interface CheckProps {
  label: ReactNode
  hint?: ReactNode
  checked: boolean
  onChecked: (checked: boolean) => void
  disabled?: boolean
  /** The label is read out and not shown, where a table's head or a neighbour says it to the eye. */
  hideLabel?: boolean
}

export function Checkbox(props: CheckProps) {
  return <Check {...props} />
}

/** A switch: takes effect (in the draft, or at once) without a Save. */
export function Switch(props: CheckProps) {
  return <Check {...props} toggle />
}

function Check({ label, hint, checked, onChecked, disabled, hideLabel, toggle }: CheckProps & { toggle?: boolean }) {
  const id = useId()
  const hinted = hint !== undefined && hint !== null
  return (
    <span className="check">
      <input
        id={id}
        type="checkbox"
        role={toggle === true ? 'switch' : undefined}
        className={toggle === true ? 'switch' : undefined}
        checked={checked}
        disabled={disabled}
        aria-describedby={hinted ? `${id}h` : undefined}
        onChange={(e) => onChecked(e.target.checked)}
      />
      <span>
        <label htmlFor={id} className={hideLabel === true ? 'hidden-text' : undefined}>
          {label}
        </label>
        {hinted && (
          <span id={`${id}h`} className="hint">
            {hint}
          </span>
        )}
      </span>
    </span>
  )
}

/** A few exclusive choices side by side: radio buttons that look like one control. */
export function Segments({ label, value, onValue, choices, hideLabel, disabled }: { label: string; value: string; onValue: (value: string) => void; choices: readonly Choice[]; hideLabel?: boolean; disabled?: boolean }) {
  const name = useId()
  return (
    <fieldset className="field" disabled={disabled}>
      <legend className={hideLabel === true ? 'hidden-text' : 'label'}>{label}</legend>
      <div>
        <div className="seg">
          {choices.map((choice) => (
            <label key={choice.value}>
              <input type="radio" name={name} value={choice.value} checked={choice.value === value} disabled={choice.disabled} onChange={() => onValue(choice.value)} />
              {choice.label}
            </label>
          ))}
        </div>
      </div>
    </fieldset>
  )
}
