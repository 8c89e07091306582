// What a day is drawn of: states, calls, and times that nobody saw.
import type { Answer, Schemas } from '../api';
import { count, duration, timeOf } from '../format';
import { named, t } from '../i18n/index.svelte';
import { names } from '../names.svelte';

export interface Item {
  /** A state's name, call, or unseen. */
  lane: string;
  from: number;
  to: number;
  sw: string;
  /** Why paused, or whose call is wrapped up, or of which queue and what became of it. */
  detail: string;
}

/** The lanes of a day from above to below. */
export const lanes = ['talking', 'holding', 'ringing', 'wrapping_up', 'available', 'paused', 'on_other_call', 'call'];

/** All that a day has, in the order in which it began. */
export function itemsOf(line: Answer<'/api/v1/agents/timeline'>, calls: Schemas['Contact'][]): Item[] {
  const out: Item[] = [];
  for (const s of line.spans ?? []) out.push({ lane: s.state, from: s.from_ms, to: s.to_ms, sw: s.switch, detail: s.reason || (s.queue ? names.queue(s.queue) : '') });
  for (const g of line.unseen ?? []) out.push({ lane: 'unseen', from: g.from_ms, to: g.to_ms, sw: g.switch, detail: g.switch });
  for (const c of calls) {
    const what = c.queue ? names.queue(c.queue) : c.direction ? named('calls.direction', c.direction) : '';
    out.push({ lane: 'call', from: c.answered_ms || c.joined_ms, to: c.ended_ms, sw: c.switch, detail: [what, c.caller, named('outcome', c.outcome)].filter(Boolean).join(', ') });
  }
  return out.sort((a, b) => a.from - b.from || lanes.indexOf(a.lane) - lanes.indexOf(b.lane));
}

export function laneName(lane: string): string {
  if (lane === 'call') return t('timeline.callRow');
  return lane === 'unseen' ? t('timeline.unseen') : named('state', lane);
}

/** An item in words. */
export function said(i: Item): string {
  return `${timeOf(i.from, true)} – ${timeOf(i.to, true)} · ${laneName(i.lane)}${i.detail ? ` (${i.detail})` : ''} · ${duration(i.to - i.from)}`;
}

/** How long each state lasted together, the longest first. */
export function sums(items: Item[]): { lane: string; ms: number; times: string }[] {
  const out = new Map<string, { ms: number; n: number }>();
  for (const i of items) {
    const x = out.get(i.lane) ?? { ms: 0, n: 0 };
    out.set(i.lane, { ms: x.ms + i.to - i.from, n: x.n + 1 });
  }
  return [...out].map(([lane, x]) => ({ lane, ms: x.ms, times: count(x.n) })).sort((a, b) => b.ms - a.ms);
}
