// A scheme's roles and indicators in words.
import type { Schemas } from '../api';
import { t } from '../i18n/index.svelte';
import { marksOf } from './explained';
import { points, valueIn } from './figures';

export type Role = Schemas['RoleDescription'];
type Indicator = Schemas['IndicatorDescription'];

/** Roles in the scheme's order, but for the one that is to be first. */
export function sorted(roles: Role[], first: string): Role[] {
  return [...roles.filter((r) => r.role === first), ...roles.filter((r) => r.role !== first)];
}

/** The seasons in which an indicator has another weight. */
export function seasonsOf(role: Role, id: string): { from: string; last: string; weight: number }[] {
  const usual = role.indicators?.find((i) => i.id === id)?.weight;
  return (role.seasons ?? []).flatMap((s) => {
    const weight = s.weights[id];
    return weight === undefined || weight === usual ? [] : [{ from: s.from, last: s.last, weight }];
  });
}

/** What values are worth. */
export function pointsText(i: Indicator): string {
  const marks = i.kind === 'linear' ? (i.marks ?? []) : marksOf(i);
  const value = (n: number | undefined): string => valueIn(i.unit, marks[n ?? -1]?.value);
  const worth = (n: number): string => points(marks[n]?.points);
  const last = marks.length - 1;
  const join = (list: string[]): string => list.join(t('list.semicolon')) + t('list.stop');
  switch (i.kind) {
    case 'linear': {
      // From the floor up, whichever way the values go.
      const order = marks.map((_, n) => (i.better === 'lower' ? last - n : n));
      return join([...order.map((n) => t('scheme.mark', { name: t(`scheme.mark.${nameOf(marks[n])}`), value: value(n), points: worth(n) })), t('scheme.straight')]);
    }
    case 'band': {
      const best = marks.flatMap((m, n) => (m.name === 'target' ? [n] : []));
      const falls = [0, last].filter((n) => !best.includes(n)).map((n) => t('scheme.bandEnd', { value: value(n), points: worth(n) }));
      return join([t('scheme.band', { low: value(best[0]), high: value(best.at(-1)), points: worth(best[0] ?? 0) }), ...falls]);
    }
    case 'steps':
      return join(marks.map((_, n) => (n === 0 && last > 0 ? t('scheme.below', { value: value(1), points: worth(0) }) : t('scheme.from', { value: value(n), points: worth(n) }))));
    default:
      return join([...marks.map((_, n) => t('scheme.at', { value: value(n), points: worth(n) })), t('scheme.straight')]);
  }
}

function nameOf(m: Schemas['Mark'] | undefined): 'floor' | 'target' | 'stretch' {
  return m?.name === 'floor' || m?.name === 'stretch' ? m.name : 'target';
}
