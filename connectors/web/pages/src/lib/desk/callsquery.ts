// What the page of calls is asked for: it is all in the address, so that a list can be
// passed on.
import type { Query } from '../api';
import { clock } from '../clock.svelte';
import { asked, dayOf, isDay, midnight, momentOf, plusDays, type Day } from './days';

export const lostOutcomes = ['abandoned', 'timed_out', 'left_empty'];
export const outcomes = ['answered', 'abandoned', 'timed_out', 'left_empty', 'exited_by_key', 'withdrawn', 'join_refused', 'switch_failed', 'unobserved', 'unanswered'];

const noon = 12 * 3_600_000;

export interface Span {
  /** today, morning, yesterday, week, or own for days of one's own. */
  id: string;
  from: number;
  /** null: up to now, which moves on. */
  to: number | null;
  first: Day;
  last: Day;
}

/** The span of an address: span=today (which is meant where it says nothing), morning,
 *  yesterday or week; days first and last; or moments from and to, as cards give them. */
export function spanOf(q: URLSearchParams): Span {
  const today = dayOf(clock.exact());
  const from = Date.parse(q.get('from') ?? '');
  const to = Date.parse(q.get('to') ?? '');
  if (!Number.isNaN(from)) {
    const end = Number.isNaN(to) ? null : to;
    return { id: 'own', from, to: end, first: dayOf(from), last: end == null ? today : dayOf(end - 1) };
  }
  if (isDay(q.get('first'))) {
    const first = q.get('first') ?? today;
    const last = isDay(q.get('last')) ? (q.get('last') ?? first) : first;
    return { id: 'own', from: midnight(first), to: midnight(plusDays(last, 1)), first, last };
  }
  switch (q.get('span')) {
    case 'morning': {
      const end = momentOf(today, noon);
      return { id: 'morning', from: midnight(today), to: clock.exact() < end ? null : end, first: today, last: today };
    }
    case 'yesterday': {
      const day = plusDays(today, -1);
      return { id: 'yesterday', from: midnight(day), to: midnight(today), first: day, last: day };
    }
    case 'week': {
      const first = plusDays(today, -6);
      return { id: 'week', from: midnight(first), to: null, first, last: today };
    }
    default:
      return { id: 'today', from: midnight(today), to: null, first: today, last: today };
  }
}

/** The question of an address; backs asks who is to be called back, too. */
export function contactsQuery(q: URLSearchParams, backs: boolean): Query<'/api/v1/contacts'> {
  const outside = q.get('kind') === 'call';
  const span = spanOf(q);
  const below = Number(q.get('mos_below'));
  return {
    from: asked(span.from),
    ...(span.to == null ? {} : { to: asked(span.to) }),
    kind: outside ? 'call' : 'visit',
    order: 'newest',
    ...(backs && !outside ? { call_back: q.get('call_back') === 'due' ? 'due' : 'told' } : {}),
    ...(q.get('rung') && !outside ? { rung: q.get('rung') ?? '' } : {}),
    ...(q.has('queue') ? { queue: q.getAll('queue') } : {}),
    ...(q.get('agent') ? { agent: q.get('agent') ?? '' } : {}),
    ...(q.has('outcome') ? { outcome: q.getAll('outcome').flatMap((o) => o.split(',')) } : {}),
    ...(below > 0 && below <= 5 ? { mos_below: below } : {}),
    unseen: true,
    limit: 100,
  };
}
