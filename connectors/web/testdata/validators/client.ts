// A client of what openapi-typescript generates: the compiler holds it against the
// document, and it asks a real server.
import createClient from 'openapi-fetch'
import type { paths } from './generated.js'

const [baseUrl, token] = process.argv.slice(2)
const client = createClient<paths>({ baseUrl, headers: { Authorization: `Bearer ${token}` } })

const figures = await client.GET('/api/v1/kpi', { params: { query: { kind: 'queue', kpi: ['offered', 'asa'] } } })
if (figures.error) throw new Error(figures.error.detail)
const contacts = await client.GET('/api/v1/contacts', { params: { query: { outcome: ['answered', 'abandoned'], limit: 10 } } })
if (contacts.error) throw new Error(contacts.error.detail)
const wrong = await client.GET('/api/v1/kpi', { params: { query: { kpi: ['nonsense'] } } })
console.log(JSON.stringify({
  offered: figures.data.rows?.map(r => r.kpis.offered),
  outcomes: contacts.data.contacts?.map(c => c.outcome),
  wrong: wrong.error?.detail,
}))
