// A list of calls, page by page.
import { get, Problem, type Query, type Schemas } from '../api';
import type { Trouble } from './asked.svelte';

export type Contact = Schemas['Contact'];
type Contacts = Schemas['Contacts'];

/** As many as a file has at most: a browser holds them all. */
export const mostSaved = 50_000;

export class Calls {
  list = $state.raw<Contact[]>([]);
  unseen = $state.raw<NonNullable<Contacts['unseen']>>([]);
  complete = $state.raw<string | null>(null);
  cursor = $state.raw('');
  asking = $state.raw(true);
  trouble = $state.raw<Trouble>('');
  detail = $state.raw('');
  #turn = 0;

  /** Asks for the first page, or the next one. */
  async ask(q: Query<'/api/v1/contacts'>, next = false): Promise<void> {
    const turn = ++this.#turn;
    this.asking = true;
    try {
      const answer = await get('/api/v1/contacts', next ? { ...q, cursor: this.cursor } : q);
      if (turn !== this.#turn) return;
      const found = answer.contacts ?? [];
      this.list = next ? [...this.list, ...found] : found;
      if (!next) this.unseen = answer.unseen ?? [];
      this.complete = answer.complete_until;
      this.cursor = answer.cursor ?? '';
      this.trouble = '';
    } catch (e) {
      if (turn !== this.#turn) return;
      if (!next) this.list = [];
      this.trouble = !(e instanceof Problem) ? 'away' : e.status === 403 ? 'forbidden' : 'refused';
      this.detail = e instanceof Problem ? e.message : '';
    }
    this.asking = false;
  }
}

/** All of them, for a file. */
export async function all(q: Query<'/api/v1/contacts'>): Promise<Contact[]> {
  const out: Contact[] = [];
  let cursor = '';
  do {
    const answer = await get('/api/v1/contacts', { ...q, limit: 5000, unseen: false, ...(cursor ? { cursor } : {}) });
    out.push(...(answer.contacts ?? []));
    cursor = answer.cursor ?? '';
  } while (cursor && out.length < mostSaved);
  return out;
}
