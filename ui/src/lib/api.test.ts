import { afterEach, describe, expect, it, vi } from 'vitest'
import { address, api, call, onSignedOut, ProblemError, setCsrf } from './api'

interface Sent {
  url: string
  init: RequestInit
}

/** Answers the requests in turn, and keeps what was sent. */
function gateway(...answers: (Response | Error)[]): Sent[] {
  const sent: Sent[] = []
  vi.stubGlobal('fetch', (url: string, init: RequestInit) => {
    sent.push({ url, init })
    const answer = answers.shift() ?? new Error('one request too many')
    return answer instanceof Error ? Promise.reject(answer) : Promise.resolve(answer)
  })
  return sent
}

const json = (status: number, body: unknown, headers: Record<string, string> = {}) => new Response(JSON.stringify(body), { status, headers })

afterEach(() => {
  vi.unstubAllGlobals()
  setCsrf(null)
  onSignedOut(null)
})

const problemOf = async (promise: Promise<unknown>): Promise<ProblemError> => {
  try {
    await promise
  } catch (error) {
    if (error instanceof ProblemError) return error
    throw error
  }
  throw new Error('it did not fail')
}

describe('a refusal', () => {
  it('is a problem with its fields', async () => {
    gateway(json(422, { type: '/problems/rule-invalid', title: 'Not valid', detail: 'The rule is not valid.', errors: [{ pointer: '/name', detail: 'It is empty.', remedy: 'Name it.' }] }))
    const problem = await problemOf(api.put('/policy', {}))
    expect(problem.status).toBe(422)
    expect(problem.type).toBe('/problems/rule-invalid')
    expect(problem.message).toBe('The rule is not valid.')
    expect(problem.of('/name')).toBe('It is empty. Name it.')
    expect(problem.of('/other')).toBeNull()
  })
  it('without a body that can be read still says its status', async () => {
    gateway(new Response('<html>', { status: 502, statusText: 'Bad Gateway' }))
    expect((await problemOf(api.get('/queue'))).message).toBe('502 Bad Gateway')
  })
  it('keeps the wait of a lock-out and the keys of its kind', async () => {
    gateway(json(429, { type: '/problems/locked-out', title: 'Locked', count: 3 }, { 'Retry-After': '60' }))
    const problem = await problemOf(api.post('/session', {}))
    expect(problem.retryAfter).toBe(60)
    expect(problem.body.count).toBe(3)
  })
  it('is silence where the gateway cannot be reached', async () => {
    gateway(new TypeError('failed'))
    expect(await problemOf(api.get('/queue'))).toMatchObject({ status: 0, type: '/problems/unreachable' })
  })
  it('with hostile field problems is still a problem', async () => {
    gateway(json(422, { title: 7, errors: [null, 'x', { pointer: 1 }] }))
    const problem = await problemOf(api.get('/policy'))
    expect(problem.errors).toEqual([0, 1, 2].map(() => ({ pointer: '', detail: '', remedy: '' })))
  })
})

describe('a write', () => {
  it('carries the CSRF value and the revision; a read carries neither', async () => {
    setCsrf('secret')
    const sent = gateway(json(200, {}), json(200, {}))
    await api.put('/policy', { a: 1 }, { ifMatch: 7 })
    await api.get('/policy')
    expect(sent[0]?.init.headers).toMatchObject({ 'X-CSRF-Token': 'secret', 'If-Match': '"7"', 'Content-Type': 'application/json' })
    expect(sent[0]?.init.body).toBe('{"a":1}')
    expect(sent[1]?.init.headers).not.toHaveProperty('X-CSRF-Token')
  })
  it('gives the revision of its answer', async () => {
    gateway(json(200, { revision: 8 }, { ETag: '"8"' }))
    expect(await call('PUT', '/policy', { body: {} })).toMatchObject({ etag: '"8"', data: { revision: 8 } })
  })
  it('may answer with nothing', async () => {
    gateway(new Response(null, { status: 204 }))
    expect(await api.del('/tokens/1')).toBeUndefined()
  })
})

describe('a session that ended', () => {
  it('is asked for again, and the request repeated with the new CSRF value', async () => {
    setCsrf('old')
    const sent = gateway(json(401, { title: 'Sign in' }), json(200, { done: true }))
    onSignedOut(() => {
      setCsrf('new')
      return Promise.resolve(true)
    })
    expect(await api.post('/queue/1/retry', { reason: 'x' })).toEqual({ done: true })
    expect(sent.map((s) => (s.init.headers as Record<string, string>)['X-CSRF-Token'])).toEqual(['old', 'new'])
    expect(sent[1]?.init.body).toBe('{"reason":"x"}')
  })
  it('is an error when nobody signs in', async () => {
    gateway(json(401, { title: 'Sign in' }))
    onSignedOut(() => Promise.resolve(false))
    expect((await problemOf(api.get('/queue'))).status).toBe(401)
  })
  it('is not asked for when the password is what is wrong', async () => {
    gateway(json(401, { type: '/problems/wrong-credentials', title: 'Wrong' }), json(401, { title: 'Wrong' }))
    const ask = vi.fn(() => Promise.resolve(true))
    onSignedOut(ask)
    await problemOf(api.put('/account/password', {}))
    await problemOf(api.post('/session', {}))
    expect(ask).not.toHaveBeenCalled()
  })
})

describe('an address', () => {
  it('leaves out what is not asked', () => {
    expect(address('/queue', { filter: 'domain=a b', state: null, q: '', limit: 5 })).toBe('/api/v1/queue?filter=domain%3Da+b&limit=5')
    expect(address('/a?x=1', { y: 2 })).toBe('/api/v1/a?x=1&y=2')
  })
})
