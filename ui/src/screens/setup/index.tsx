// First run: the one-time link makes the owner's account; then the name, the domains, who may send, and a message
// through the simulator. Whatever is skipped here is on Domains and routes later.

import { useEffect, useRef, useState } from 'react'
import { useSession } from '../../app/session'
import { Banner, ButtonLink } from '../../design'
import { t } from '../../lib/i18n'
import { navigate } from '../../lib/router'
import { Owner } from './Owner'
import { DomainsStep, HostStep, TestStep } from './Steps'
import './setup.css'

/** The token of the link. It leaves the address bar at once, so that no history and no screenshot keeps it. */
let token = ''

function takeToken(): string {
  if (location.hash.length > 1) {
    token = decodeURIComponent(location.hash.slice(1))
    history.replaceState(null, '', '/setup')
  }
  return token
}

const steps = ['owner', 'host', 'domains', 'test'] as const
type Step = (typeof steps)[number]

export default function Setup() {
  const { session, enter } = useSession()
  const [link] = useState(takeToken)
  const signedIn = session?.user != null
  const mayEdit = session?.user?.capabilities.includes('edit_policy') === true
  const [step, setStep] = useState<Step>(signedIn ? 'host' : 'owner')
  const [domain, setDomain] = useState('')
  const heading = useRef<HTMLHeadingElement>(null)
  useEffect(() => {
    document.title = `${t('setup.title')} · Gatepost`
  }, [])
  useEffect(() => {
    if (session?.setup_needed === false && !signedIn) navigate('/login', { replace: true })
    else if (signedIn && !mayEdit) navigate('/', { replace: true })
  }, [session, signedIn, mayEdit])
  const go = (next: Step) => {
    setStep(next)
    heading.current?.focus()
  }
  return (
    <main className="bare bare-wide">
      <div className="bare-brand">
        <img src="/icon.svg" alt="" width="28" height="28" />
        Gatepost
      </div>
      <div className="bare-card">
        <div className="stack stack-sm">
          <h1 ref={heading} tabIndex={-1}>
            {t('setup.title')}
          </h1>
          <Progress step={step} />
        </div>
        {step === 'owner' && (
          <>
            {session?.setup_needed === true && <Banner>{t('setup.noDefault')}</Banner>}
            <Owner
              token={link}
              onMade={(made) => {
                token = ''
                enter(made)
                go('host')
              }}
            />
          </>
        )}
        {step === 'host' && session !== null && <HostStep hostname={session.hostname} onNext={() => go('domains')} />}
        {step === 'domains' && (
          <DomainsStep
            onBack={() => go('host')}
            onNext={(first) => {
              setDomain(first)
              go('test')
            }}
          />
        )}
        {step === 'test' && <TestStep domain={domain} onBack={() => go('domains')} onDone={() => navigate('/')} />}
      </div>
      {signedIn && step !== 'test' && (
        <div className="bare-foot">
          <ButtonLink to="/" kind="quiet" small>
            {t('setup.skip')}
          </ButtonLink>
        </div>
      )}
    </main>
  )
}

function Progress({ step }: { step: Step }) {
  const at = steps.indexOf(step)
  return (
    <ol className="plain steps" aria-label={t('setup.progress')}>
      {steps.map((name, i) => (
        <li key={name} aria-current={name === step ? 'step' : undefined} data-done={i < at || undefined}>
          <span className="steps-number nums" aria-hidden="true">
            {i + 1}
          </span>
          {t(`setup.step_${name}`)}
        </li>
      ))}
    </ol>
  )
}
