import { describe, expect, it } from 'vitest'
import {
  blankCondition,
  CONDITION_KINDS,
  dataKinds,
  fitting,
  matchTypes,
  operandKinds,
  operandOf,
  valueOf,
  withOperand,
  type OperandKind,
} from './conditions'
import { importValues } from './lists'
import { findingsByRule, pointerParts, problemCounts, problemsAt, problemUnder } from './problems'
import { sample } from './samples'
import type { Condition } from './types'

function operands(condition: Condition): string[] {
  return (['value', 'regex', 'rule_data'] as const).filter(
    (key) => condition[key] !== null && condition[key] !== undefined,
  )
}

describe('a Condition in the editor', () => {
  it('never has two operands or a match type that it does not take, whatever is changed about it', () => {
    const all: OperandKind[] = ['value', 'regex', 'rule_data', 'nothing']
    for (const from of CONDITION_KINDS) {
      for (const to of CONDITION_KINDS) {
        for (const operand of all) {
          const begun = withOperand(blankCondition(from), operand)
          const name = to === 'header' ? 'X-Foo' : null
          const changed = fitting({ ...begun, condition: to, name })
          expect(matchTypes(changed)).toContain(changed.match)
          expect(operandKinds(changed)).toContain(operandOf(changed))
          expect(operands(changed).length).toBe(operandOf(changed) === 'nothing' ? 0 : 1)
        }
      }
    }
  })

  it('keeps what still fits when the match type changes', () => {
    const set: Condition = { condition: 'recipient', match: 'matches', rule_data: 'Partners' }
    expect(fitting({ ...set, match: 'does_not_match' })).toMatchObject({
      rule_data: 'Partners',
      match: 'does_not_match',
    })
    const field: Condition = { condition: 'header', match: 'matches', name: 'X-A', value: 'a' }
    expect(fitting({ ...field, match: 'exists' })).toMatchObject({ value: null, match: 'exists' })
  })

  it('asks a header without a name for patterns only', () => {
    const whole = fitting({ ...blankCondition('header'), name: null })
    expect(matchTypes(whole)).toEqual(['matches', 'does_not_match'])
    expect(dataKinds(whole)).toEqual(['regex'])
    expect(operandOf(whole)).toBe('regex')
  })

  it('reads its value as the gateway wants it', () => {
    expect(valueOf(blankCondition('recipient_count'), ' 12 ')).toBe(12)
    expect(valueOf(blankCondition('recipient_count'), 'a dozen')).toBe('a dozen')
    expect(valueOf(blankCondition('sender'), 'a.example\nb.example')).toEqual(['a.example', 'b.example'])
    expect(valueOf(blankCondition('size'), '10MiB')).toBe('10MiB')
  })
})

describe('what the gateway says', () => {
  const problem = (pointer: string) => ({ pointer, detail: 'd', remedy: '' })

  it('is brought to the rule and its field', () => {
    const problems = [
      problem('/rule/1/conditions/0/value'),
      problem('/rule/1/name'),
      problem('/rule_data/0/values'),
      problem(''),
    ]
    expect(problemsAt(problems, 'rule', 1).map((found) => found.pointer)).toEqual(['/conditions/0/value', '/name'])
    expect(problemCounts(sample(), problems)).toEqual(new Map([['01ENFORCE', 2]]))
    expect(problemUnder(problemsAt(problems, 'rule', 1), '/conditions/0')?.pointer).toBe('/conditions/0/value')
    expect(problemUnder([problem('/conditions/10')], '/conditions/1')).toBeNull()
    expect(pointerParts('/a~1b/c~0d')).toEqual(['a/b', 'c~d'])
  })

  it('is brought to rules by name, System Rules too', () => {
    const finding = (rule: string | null) => ({ rule, kind: 'unreachable', text: 't', fix: 'f' })
    const found = findingsByRule(sample(), [
      finding('tag'),
      finding('Deliver Outbound'),
      finding(null),
      finding('gone'),
    ])
    expect([...found.keys()]).toEqual(['01TAG', 'deliver_outbound'])
  })
})

describe('a list from a file', () => {
  it('is taken line by line, or by its first column without the head', () => {
    expect(importValues('\uFEFFa.example\r\n# note\r\n\r\nb.example\r\n\r\n', 'domains').values).toEqual([
      'a.example',
      '# note',
      '',
      'b.example',
    ])
    expect(importValues('Domain;Since\na.example;2020\n"b.example";"x;y"\n', 'domains')).toEqual({
      values: ['a.example', 'b.example'],
      head: 'Domain',
    })
    expect(importValues('a.example,x\n"say ""b"".example",y', 'domains')).toEqual({
      values: ['a.example', 'say "b".example'],
      head: null,
    })
    expect(importValues('a{1,2}', 'regex').values).toEqual(['a{1,2}'])
  })
})
