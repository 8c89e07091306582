// What figures, counts and indicators are called, and how their values are written.
import { get, type Schemas } from '../api';
import { count, decimal, duration, figure, none, percent } from '../format';
import { named, t, type Key } from '../i18n/index.svelte';
import { en } from '../i18n/en';

export type Figure = Schemas['Figure'];

let asked: Promise<Map<string, Figure>> | null = null;

/** Every figure by its formula's id. It is the same while the daemon runs. */
export function catalogue(): Promise<Map<string, Figure>> {
  asked ??= get('/api/v1/catalogue').then((list) => new Map((list ?? []).map((f) => [f.id, f])));
  asked.catch(() => (asked = null)); // the next who needs it asks again
  return asked;
}

/** What a figure is called; its id where it has no name here. */
export function figureName(id: string): string {
  return id.startsWith('form.') ? t('kpi.form', { name: id.slice(5) }) : named('kpi', id);
}

/** What a figure means; '' where no dictionary says. */
export function meaningOf(id: string): string {
  return textOf('meaning', id);
}

/** How a figure is formed, in words where its formula has some. */
export function formulaText(id: string, formula: string): string {
  return textOf('formula', id) || formula;
}

function textOf(prefix: string, id: string): string {
  const key = `${prefix}.${id.startsWith('form.') ? 'form' : id}`;
  return key in en ? t(key as Key) : '';
}

/** What an indicator is called: as its figure is; by its own id where it is of an
 *  expression, or where its figure has no name here. */
export function indicatorName(i: { id: string; kpi?: string }): string {
  const name = i.kpi ? figureName(i.kpi) : i.id;
  return name === i.kpi ? i.id : name;
}

/** What a count is called. */
export function countName(id: string): string {
  const key = `count.${id}`;
  return key in en ? t(key as Key) : id.replace(/_ms$/, '').replaceAll('_', ' ');
}

/** A count's value: names say which are times. */
export function countValue(id: string, n: number): string {
  return id.endsWith('_ms') ? duration(n) : count(n);
}

/** A value in a scheme's unit. */
export function valueIn(unit: string, v: number | null | undefined): string {
  if (v == null) return none;
  switch (unit) {
    case 'ratio':
      return percent(v, 1);
    case 'percent':
      return percent(v / 100, 1);
    case 'ms':
      return Math.abs(v) < 60_000 ? t('unit.s', { n: decimal(v / 1000, 1) }) : (v < 0 ? '−' : '') + duration(Math.abs(v));
    default:
      return decimal(v, 2);
  }
}

/** A value as schemes write it. */
export function written(unit: string, v: number): string {
  const plain = (x: number): string => String(Number(x.toFixed(4)));
  switch (unit) {
    case 'ratio':
      return plain(v * 100) + '%';
    case 'ms':
      return Math.round(v) + 'ms';
    default:
      return plain(v);
  }
}

/** Points are in hundredths. */
export function points(v: number | null | undefined): string {
  return decimal(v, 1);
}

/** A figure of the catalogue, with small times to the second's tenth. */
export function shown(v: number | null | undefined, unit: string): string {
  return unit === 'ms' ? valueIn('ms', v) : figure(v, unit);
}

/** Why an indicator is not rated, or a gate could not be told; '' where only the daemon's
 *  own words say it. */
export function whyText(why: Schemas['Why'] | undefined): string {
  const key = `why.${why?.code ?? ''}`;
  if (!why || !(key in en)) return '';
  return t(key as Key, { name: termName(why.of ?? ''), n: count(why.n ?? 0), least: count(why.least ?? 0) });
}

/** What something is called that an expression names: a figure or a count, of a team too. */
function termName(id: string): string {
  const own = id.replace(/^team\.(?!score$)/, '');
  const name = figureName(own);
  return name === own ? countName(own) : name;
}
