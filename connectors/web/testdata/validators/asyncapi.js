// Says what is wrong with an AsyncAPI document; nothing where nothing is.
import { readFileSync } from 'node:fs'
import { Parser } from '@asyncapi/parser'

const { document, diagnostics } = await new Parser().parse(readFileSync(process.argv[2], 'utf8'))
for (const d of diagnostics) {
  if (d.severity < 2) console.log(d.path.join('.'), d.message) // the rest is advice
}
if (!document) console.log('it cannot be read')
