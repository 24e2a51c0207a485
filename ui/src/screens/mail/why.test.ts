import { expect, it } from 'vitest'
import source from '../../../../crates/policy/src/evidence/why.rs?raw'
import de from '../../locales/de/why'
import en from '../../locales/en/why'

it('has a clause in every language for every cause that the gateway knows', () => {
  const words = Array.from(source.matchAll(/^ {4}\w+ = "([^"]+)", "\d\.\d/gm), (found) => found[1])
  expect(words.length).toBeGreaterThan(30)
  expect(Object.keys(en).sort()).toEqual([...words].sort())
  expect(Object.keys(de).sort()).toEqual([...words].sort())
})
