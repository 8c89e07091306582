// A card and all that explains it, by indicator.
import type { Answer, Schemas } from '../api';
import { count } from '../format';
import { t } from '../i18n/index.svelte';
import { countName, valueIn } from './figures';

export type Explained = Answer<'/api/v1/scores/explain'>;
export type Result = Schemas['Result'];
export type Reason = Schemas['Reason'];

export interface Line {
  result: Result;
  reason: Reason | undefined;
  evidence: Schemas['Evidence'] | undefined;
  unit: string;
}

/** What there is about each indicator, in the card's order. */
export function linesOf(x: Explained): Line[] {
  return (x.card.indicators ?? []).map((result) => {
    const reason = x.reasons?.find((r) => r.id === result.id);
    return { result, reason, evidence: x.evidence?.find((e) => e.id === result.id), unit: reason?.unit ?? 'number' };
  });
}

/** The value that the points are of. */
export function countedValue(r: Result): number | null {
  return r.shrunk ?? r.adjusted ?? r.raw;
}

/** How much of the weight is rated, 0 to 1. */
export function ratedShare(x: Explained): number {
  return (x.card.indicators ?? []).reduce((sum, r) => sum + (r.rated ? r.weight : 0), 0);
}

/** What makes points of values: of a card's indicator, or of a scheme's. */
type Yardstick = Pick<Reason, 'unit' | 'kind' | 'marks' | 'minimum'>;

/** A curve's marks within what its unit can be: no time, and no share, is below 0, although
 *  a band may fall off to there. */
export function marksOf(reason: Yardstick): Schemas['Mark'][] {
  const marks = reason.marks ?? [];
  const high = { ratio: 1, percent: 100 }[reason.unit] ?? Infinity;
  const low = reason.unit === 'number' ? -Infinity : 0;
  if (reason.kind === 'steps') return marks;
  const out: Schemas['Mark'][] = [];
  marks.forEach((m, i) => {
    const next = marks[i + 1];
    if (m.value >= low && m.value <= high) out.push(m);
    for (const edge of [low, high]) {
      if (!next || !(m.value < edge && edge < next.value)) continue;
      const share = (edge - m.value) / (next.value - m.value);
      out.push({ value: edge, points: Math.round((m.points + share * (next.points - m.points)) * 100) / 100 });
    }
  });
  return out;
}

/** The counts without which an indicator does not count, in words. */
export function leastOf(reason: Yardstick | undefined): string {
  return Object.entries(reason?.minimum ?? {}).map(([id, n]) => t('card.least', { n: count(n), count: countName(id) })).join(t('list.comma'));
}

/** What values are worth the points of the target, or where the scheme names none, the
 *  most: the first such value, or the band between two. */
export function targetOf(reason: Reason | undefined): string {
  const marks = reason?.marks ?? [];
  if (!reason || marks.length === 0) return '';
  const goal = marks.find((m) => m.name === 'target')?.points ?? Math.max(...marks.map((m) => m.points));
  const at = marks.filter((m) => m.points === goal).map((m) => m.value);
  const low = at[0] ?? 0;
  const high = at.at(-1) ?? low;
  if (low !== high) return `${valueIn(reason.unit, low)} – ${valueIn(reason.unit, high)}`;
  const rises = (marks.at(-1)?.points ?? 0) >= (marks[0]?.points ?? 0);
  return (rises ? '≥ ' : '≤ ') + valueIn(reason.unit, low);
}

/** The most points that there can be on a card: what bars and scales end at. */
export function mostPoints(x: Explained): number {
  return Math.max(100, ...(x.reasons ?? []).flatMap((r) => (r.marks ?? []).map((m) => m.points)));
}
