// The simulator: a message as it might come, judged by what holds now or by the draft, without any effect. The
// address of the screen carries small inputs, so that a question can be sent to a colleague.

import { useMemo, useRef, useState, type DragEvent } from 'react'
import type { Problem, Trace } from '../../api/types'
import type { ScreenProps } from '../../app/routes'
import { useCan } from '../../app/session'
import { Button, Card, CopyButton, EmptyState, ErrorBanner, Page, Segments, SelectField, Banner, TextAreaField, TextField, toast } from '../../design'
import { wire } from '../../draft/document'
import { useDraft } from '../../draft/state'
import { isChanged } from '../../draft/store'
import { api } from '../../lib/api'
import { t } from '../../lib/i18n'
import { useAction } from '../../lib/query'
import { useLocation } from '../../lib/router'
import { fromSearch, recipients, toSearch, traceRequest, type Inputs, type Way } from './request'
import { TraceView } from './TraceView'

/** A result, and what it was asked with. */
interface Result {
  trace: Trace
  inputs: Inputs
  document: unknown
}

const LARGEST_FILE = 10 * 1024 * 1024

export default function SimulatorScreen(_: ScreenProps) {
  const { search } = useLocation()
  const { draft } = useDraft()
  const changed = draft !== null && isChanged(draft)
  const [inputs, setInputs] = useState<Inputs>(() => fromSearch(search))
  const [missing, setMissing] = useState(false)
  const [result, setResult] = useState<Result | null>(null)
  const effective = useMemo<Inputs>(() => (changed ? inputs : { ...inputs, against: 'live' }), [inputs, changed])
  const change = (part: Partial<Inputs>) => setInputs((old) => ({ ...old, ...part }))

  const ask = useAction(async () => {
    const document = draft?.document ?? null
    const trace = await api.post<Trace>('/trace', traceRequest(effective, document === null ? null : wire(document)))
    const link = toSearch(effective)
    history.replaceState(null, '', `/simulator${link === null || link === '' ? '' : `?${link}`}`)
    setResult({ trace, inputs: effective, document })
  })

  const run = () => {
    const lacking = recipients(inputs.to).length === 0
    setMissing(lacking)
    if (!lacking) void ask.run()
  }

  const stale = result !== null && (result.inputs !== effective || (effective.against === 'draft' && result.document !== draft?.document))
  return (
    <Page
      title={t('simulator.title')}
      intro={t('simulator.lead')}
      help={{ cli: 'gatepost rules trace --from you@acme.example --to anna@partner.example', api: 'POST /api/v1/trace' }}
    >
      <form
        className="stack"
        noValidate
        onSubmit={(event) => {
          event.preventDefault()
          run()
        }}
      >
        <Card>
          <div className="stack">
            <div className="form-row">
              <TextField label={t('simulator.from')} hint={t('simulator.fromHint')} value={inputs.from} onValue={(from) => change({ from })} error={ask.error?.of('/from')} />
              <TextField label={t('simulator.sourceIp')} hint={t('simulator.sourceIpHint')} value={inputs.ip} onValue={(ip) => change({ ip })} error={ask.error?.of('/source_ip')} />
            </div>
            <TextAreaField
              label={t('simulator.to')}
              rows={3}
              spellCheck={false}
              value={inputs.to}
              onValue={(to) => {
                change({ to })
                setMissing(false)
              }}
              error={missing ? t('simulator.toMissing') : recipientError(ask.error?.errors)}
            />
            <MessageFields inputs={inputs} change={change} error={ask.error?.of('/message') ?? ask.error?.of('/message_id') ?? null} />
            <div className="form-row">
              <SelectField
                label={t('simulator.direction')}
                value={inputs.direction}
                onValue={(direction) => change({ direction: direction as Inputs['direction'] })}
                choices={[
                  { value: '', label: t('simulator.directionBoth') },
                  { value: 'inbound', label: t('simulator.directionIn') },
                  { value: 'outbound', label: t('simulator.directionOut') },
                ]}
              />
              <Segments
                label={t('simulator.against')}
                value={effective.against}
                onValue={(against) => change({ against: against as Inputs['against'] })}
                choices={[
                  { value: 'live', label: t('simulator.againstLive') },
                  { value: 'draft', label: t('simulator.againstDraft'), disabled: !changed },
                ]}
              />
            </div>
            <div className="row">
              <Button type="submit" kind="primary" icon="play" busy={ask.busy}>
                {t('simulator.run')}
              </Button>
              <Share inputs={effective} />
            </div>
          </div>
        </Card>
      </form>
      <ErrorBanner error={ask.error} />
      <section aria-label={t('simulator.result')} aria-live="polite" className="stack">
        {result === null ? (
          ask.error === null && <EmptyState icon="simulator" title={t('simulator.nothingYet')} />
        ) : (
          <>
            <h2>{t('simulator.result')}</h2>
            {stale ? <Banner tone="warn">{t('simulator.stale')}</Banner> : <p className="muted">{result.inputs.against === 'draft' ? t('simulator.resultDraft') : t('simulator.resultLive')}</p>}
            <TraceView trace={result.trace} />
          </>
        )}
      </section>
    </Page>
  )
}

function recipientError(errors: readonly Problem[] | undefined): string | null {
  const found = errors?.filter((error) => error.pointer === '/to' || error.pointer.startsWith('/to/')) ?? []
  return found.length === 0 ? null : found.map((error) => [error.detail, error.remedy].filter(Boolean).join(' ')).join(' ')
}

function Share({ inputs }: { inputs: Inputs }) {
  const link = toSearch(inputs)
  if (link === null) return <span className="muted small">{t('simulator.shareLarge')}</span>
  return (
    <span className="row muted small">
      {t('simulator.share')}
      <CopyButton what={t('simulator.share')} text={`${location.origin}/simulator${link === '' ? '' : `?${link}`}`} />
    </span>
  )
}

function MessageFields({ inputs, change, error }: { inputs: Inputs; change: (part: Partial<Inputs>) => void; error: string | null }) {
  // What a received message says is for those who may read content.
  const mayRead = useCan('read_content')
  return (
    <>
      <Segments
        label={t('simulator.messageWay')}
        value={inputs.way}
        onValue={(way) => change({ way: way as Way })}
        choices={[
          { value: 'form', label: t('simulator.wayForm') },
          { value: 'file', label: t('simulator.wayFile') },
          { value: 'kept', label: t('simulator.wayKept'), disabled: !mayRead },
        ]}
      />
      {inputs.way === 'form' && (
        <div className="form-row">
          <TextField label={t('simulator.subject')} optional value={inputs.subject} onValue={(subject) => change({ subject })} />
          <TextAreaField label={t('simulator.headers')} hint={t('simulator.headersHint')} optional rows={2} spellCheck={false} value={inputs.headers} onValue={(headers) => change({ headers })} error={error} />
        </div>
      )}
      {inputs.way === 'file' && <MessageFile value={inputs.eml} onValue={(eml) => change({ eml })} error={error} />}
      {inputs.way === 'kept' && <TextField label={t('simulator.keptId')} hint={t('simulator.keptHint')} value={inputs.kept} onValue={(kept) => change({ kept })} error={error} />}
    </>
  )
}

function MessageFile({ value, onValue, error }: { value: string; onValue: (value: string) => void; error: string | null }) {
  const [over, setOver] = useState(false)
  const file = useRef<HTMLInputElement>(null)
  const take = (chosen: File | undefined) => {
    if (chosen === undefined) return
    if (chosen.size > LARGEST_FILE) {
      toast(t('simulator.fileLarge'), 'bad')
      return
    }
    void chosen.arrayBuffer().then((bytes) => onValue(new TextDecoder().decode(bytes)))
  }
  const drop = (event: DragEvent) => {
    event.preventDefault()
    setOver(false)
    take(event.dataTransfer.files[0])
  }
  return (
    <div
      className="drop-target"
      data-over={over}
      onDragOver={(event) => {
        event.preventDefault()
        setOver(true)
      }}
      onDragLeave={() => setOver(false)}
      onDrop={drop}
    >
      <TextAreaField label={t('simulator.eml')} hint={t('simulator.emlHint')} rows={8} spellCheck={false} className="mono" value={value} onValue={onValue} error={error} />
      <div>
        <Button small icon="upload" onClick={() => file.current?.click()}>
          {t('simulator.chooseFile')}
        </Button>
        <input ref={file} type="file" accept=".eml,message/rfc822,text/plain" hidden onChange={(event) => take(event.target.files?.[0])} />
      </div>
    </div>
  )
}
