import { expect, it } from 'vitest'
import { csv } from './csv'

it('quotes what needs it and disarms formulas', () => {
  expect(
    csv(
      ['domain', 'ready', 'why'],
      [
        ['partner.example', true, null],
        ['a,b', 3, 'said "no"\nand left'],
        ['=HYPERLINK("http://x")', -1, '@sum'],
      ],
    ),
  ).toBe(
    'domain,ready,why\r\n' +
      'partner.example,true,\r\n' +
      '"a,b",3,"said ""no""\nand left"\r\n' +
      '"\'=HYPERLINK(""http://x"")",-1,\'@sum\r\n',
  )
})
