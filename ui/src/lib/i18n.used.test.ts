// Every key of the catalogue is used, and every key that is put together from parts can only be one that is there. The
// compiler knows which: the type of `queue.act_${verb}` is the union of what it can be. Where a part comes from the
// gateway the type is any string; then the parts around it have to fit.

import ts from 'typescript'
import { expect, it } from 'vitest'
import en from '../locales/en'

const root = new URL('..', import.meta.url).pathname
const keys = new Set(Object.entries(en).flatMap(([area, messages]) => Object.keys(messages).map((key) => `${area}.${key}`)))
const areas = Object.keys(en)

const sources = (): string[] => ts.sys.readDirectory(root, ['.ts', '.tsx']).filter((name) => !/\.test\.tsx?$|\/locales\/|schema\.d\.ts$/.test(name))

/** What a text put together from parts can be: the keys themselves, or a pattern where a part is any string. */
function couldBe(node: ts.TemplateExpression, checker: ts.TypeChecker): string[] | RegExp {
  const type = checker.getTypeAtLocation(node)
  const types = type.isUnion() ? type.types : [type]
  const texts = types.flatMap((one) => (one.isStringLiteral() ? [one.value] : []))
  if (texts.length === types.length) return texts
  const parts = [node.head.text, ...node.templateSpans.map((span) => span.literal.text)]
  return new RegExp(`^${parts.map((part) => part.replaceAll('.', '\\.')).join('.+')}$`)
}

function usedKeys(): { used: Set<string>; unknown: string[] } {
  const { options } = ts.parseJsonConfigFileContent(ts.readConfigFile(`${root}../tsconfig.json`, ts.sys.readFile).config, ts.sys, `${root}..`)
  const program = ts.createProgram(sources(), options)
  const checker = program.getTypeChecker()
  const used = new Set<string>()
  const unknown: string[] = []
  const take = (found: string[] | RegExp, where: ts.Node) => {
    const fitting = Array.isArray(found) ? found.filter((key) => keys.has(key)) : [...keys].filter((key) => found.test(key))
    if (fitting.length === 0 || (Array.isArray(found) && fitting.length < found.length)) unknown.push(where.getText())
    fitting.forEach((key) => used.add(key))
  }
  const visit = (node: ts.Node): void => {
    if (ts.isStringLiteralLike(node) && keys.has(node.text)) used.add(node.text)
    if (ts.isTemplateExpression(node) && areas.some((area) => node.head.text.startsWith(`${area}.`))) take(couldBe(node, checker), node)
    ts.forEachChild(node, visit)
  }
  for (const file of program.getSourceFiles()) if (file.fileName.startsWith(root) && !file.isDeclarationFile && !file.fileName.includes('/locales/')) visit(file)
  return { used, unknown }
}

it('has no key that nothing uses, and nothing uses a key that is not there', { timeout: 60_000 }, () => {
  const { used, unknown } = usedKeys()
  expect([...keys].filter((key) => !used.has(key))).toEqual([])
  expect(unknown).toEqual([])
})
