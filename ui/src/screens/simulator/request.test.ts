import { describe, expect, it } from 'vitest'
import { BLANK, fromSearch, messageOf, recipients, toSearch, traceRequest, type Inputs } from './request'

const inputs: Inputs = {
  ...BLANK,
  from: 'anna@acme.example',
  to: 'a@partner.example\n b@else.example,\n',
  subject: 'Invoice & "offer" \n x',
  headers: 'X-A: 1\n\nX-B: 2',
  ip: '10.0.0.5',
  direction: 'outbound',
  against: 'draft',
}

describe('the simulator', () => {
  it('asks with what was filled in, and with null for the rest', () => {
    expect(traceRequest(inputs, { rule: [] })).toEqual({
      from: 'anna@acme.example',
      to: ['a@partner.example', 'b@else.example'],
      message: 'Subject: Invoice & "offer"   x\r\nX-A: 1\r\nX-B: 2\r\n\r\n',
      message_id: null,
      source_ip: '10.0.0.5',
      direction: 'outbound',
      policy: { rule: [] },
    })
    expect(traceRequest({ ...BLANK, to: 'a@b.example' }, { rule: [] })).toMatchObject({ from: '<>', message: null, policy: null, source_ip: null })
    expect(traceRequest({ ...inputs, way: 'kept', kept: ' 01J ' }, null)).toMatchObject({ message: null, message_id: '01J' })
  })

  it('finds the recipients however they are parted', () => {
    expect(recipients('a@x\r\nb@x; c@x , ')).toEqual(['a@x', 'b@x', 'c@x'])
  })

  it('carries its inputs in a link and reads them back', () => {
    const search = toSearch({ ...inputs, to: 'a@partner.example\nb@else.example' })
    expect(fromSearch(`?${search ?? ''}`)).toEqual({ ...inputs, to: 'a@partner.example\nb@else.example' })
    expect(toSearch(BLANK)).toBe('')
    expect(fromSearch('?direction=sideways&against=x')).toEqual(BLANK)
    expect(fromSearch('?message=01J')).toMatchObject({ way: 'kept', kept: '01J' })
  })

  it('makes no link that is too long to be sent on', () => {
    expect(toSearch({ ...BLANK, way: 'file', eml: 'x'.repeat(10_000) })).toBeNull()
    expect(messageOf({ ...BLANK, way: 'file', eml: 'Subject: x\n\nbody' })).toBe('Subject: x\n\nbody')
  })
})
