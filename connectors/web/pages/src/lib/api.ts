// Questions to the daemon, typed by its own OpenAPI document: openapi.d.ts is made of
// it (`make generate`), and a test holds the two against each other.
import type { components, paths } from './openapi';

export type Schemas = components['schemas'];
export type AgentState = Schemas['AgentState'];
export type QueueState = Schemas['QueueState'];
export type SiteState = Schemas['SiteState'];
export type SwitchHealth = Schemas['SwitchHealth'];
export type AlertState = Schemas['AlertState'];
export type Figures = Schemas['Figures'];
export type KPIRow = Schemas['KPIRow'];
export type Names = Schemas['Names'];

type Answered = { 200: { content: { 'application/json': unknown } } };

/** The addresses that can be read. */
export type Path = { [P in keyof paths]: paths[P] extends { get: { responses: Answered } } ? P : never }[keyof paths];

/** What an address answers with. */
export type Answer<P extends Path> = paths[P] extends { get: { responses: { 200: { content: { 'application/json': infer T } } } } } ? T : never;

/** What an address may be asked. */
export type Query<P extends Path> = paths[P] extends { get: { parameters: { query?: infer Q } } } ? NonNullable<Q> : never;

/** Why there is no answer: what the daemon says about it, in English and for people. */
export class Problem extends Error {
  constructor(
    readonly status: number,
    detail: string,
  ) {
    super(detail);
  }
}

/** Is called where the daemon says that nobody is signed in any more. */
let ended: () => void = () => undefined;
export function onEnded(f: () => void): void {
  ended = f;
}

/** How long the page waits for what it asks by itself, and asks again. Where a network was
 *  away without a word, a connection of before it can be silent for a quarter of an hour. */
const unattendedWithin = 8_000;

export interface Options {
  /** The page asks by itself, nobody did anything: this keeps nobody signed in. */
  unattended?: boolean;
  signal?: AbortSignal;
}

/** Asks, and reads the answer. Throws a Problem, or a TypeError where the daemon cannot
 *  be reached. */
export async function get<P extends Path>(path: P, query?: Query<P>, o: Options = {}): Promise<Answer<P>> {
  return (await send('GET', address(path, query), undefined, o)) as Answer<P>;
}

/** The address of a question, for links to what is downloaded. */
export function address<P extends Path>(path: P, query?: Query<P>): string {
  const q = new URLSearchParams();
  for (const [key, value] of Object.entries(query ?? {})) {
    for (const v of Array.isArray(value) ? value : [value]) {
      if (v != null && v !== '') q.append(key, String(v));
    }
  }
  const text = q.toString();
  return path + (text ? '?' + text : '');
}

export async function send(method: string, at: string, body?: unknown, o: Options = {}): Promise<unknown> {
  const headers: Record<string, string> = { Accept: 'application/json' };
  if (body !== undefined) headers['Content-Type'] = 'application/json';
  let signal = o.signal;
  if (o.unattended) {
    headers['Tally-Unattended'] = '1';
    const limit = AbortSignal.timeout(unattendedWithin);
    signal = signal ? AbortSignal.any([signal, limit]) : limit;
  }
  const r = await fetch(at, {
    method,
    headers,
    credentials: 'same-origin',
    ...(body !== undefined ? { body: JSON.stringify(body) } : {}),
    ...(signal ? { signal } : {}),
  });
  if (r.status === 204) return null;
  const kind = r.headers.get('Content-Type') ?? '';
  const answer: unknown = kind.includes('json') ? await r.json() : null;
  if (r.ok) return answer;
  if (r.status === 401 && at !== '/session') ended();
  const detail = (answer as { detail?: string } | null)?.detail;
  throw new Problem(r.status, detail ?? `${r.status} ${r.statusText}`);
}
