// A day's figures, and those of the day and the week before up to the same time of day.
import { get, type Options, type Schemas } from '../api';
import { clock } from '../clock.svelte';
import { moment } from '../format';
import { t } from '../i18n/index.svelte';
import { queueFigures, type Of } from './drill';
import { catalogue, figureName } from './figures';
import type { Cell, Table } from './table';
import { asked, midnight, plusDays, type Day } from './days';

/** What a day is cut into, and how long each is. */
export const steps = { '15m': 900_000, hour: 3_600_000 } as const;
export type Step = keyof typeof steps;

/** The days that are compared: it, the day before, the same of the week before. */
const compared = (day: Day): Day[] => [day, plusDays(day, -1), plusDays(day, -7)];

export interface Numbers {
  /** The row of each day; null: there is none. */
  rows: (Schemas['KPIRow'] | null)[];
}

async function rowsOf(of: Of, from: number, to: number, kpi: string[], step: Step | null, o: Options): Promise<Schemas['KPIRow'][]> {
  const answer = await get(
    '/api/v1/kpi',
    { kind: of.kind, ...(of.name ? { name: [of.name] } : {}), from: asked(from), to: asked(to), kpi, counters: !step, ...(step ? { step } : {}) },
    o,
  );
  return answer.rows ?? [];
}

/** Today's are up to now, and what they are compared with is up to the same time. */
export async function numbersOf(of: Of, figures: string[], day: Day, today: Day, o: Options): Promise<Numbers> {
  const now = clock.exact() - midnight(today);
  const rows = await Promise.all(
    compared(day).map((d) => rowsOf(of, midnight(d), day === today ? midnight(d) + now : midnight(plusDays(d, 1)), figures, null, o)),
  );
  return { rows: rows.map((r) => r[0] ?? null) };
}

export interface Curves {
  /** The steps of the day that are drawn: all from the first with calls to the last. */
  times: number[];
  values: (number | null)[][];
}

/** The end of a day, or now. */
const endOf = (d: Day, today: Day): number => (d === today ? Math.max(clock.exact(), midnight(d) + 1) : midnight(plusDays(d, 1)));

export async function curvesOf(of: Of, day: Day, today: Day, figure: string, step: Step, o: Options): Promise<Curves> {
  const long = steps[step];
  const days = compared(day);
  const begins = days.map(midnight);
  const found = await Promise.all(
    days.map((d, i) => rowsOf(of, begins[i] ?? 0, endOf(d, today), [figure, 'offered'], step, o)),
  );
  const at = found.map((rows, i) => new Map(rows.map((r) => [Math.round(((moment(r.from) ?? 0) - (begins[i] ?? 0)) / long), r])));
  const busy = at.flatMap((m) => [...m].filter(([, r]) => r.kpis['offered'] != null && r.kpis['offered'] > 0).map(([n]) => n));
  if (busy.length === 0) return { times: [], values: [] };
  const first = Math.max(0, Math.min(...busy) - 1);
  const last = Math.max(...busy) + 1;
  const drawn = Array.from({ length: last - first + 1 }, (_, i) => first + i);
  return {
    times: drawn.map((n) => (begins[0] ?? 0) + n * long),
    values: at.map((m) => drawn.map((n) => m.get(n)?.kpis[figure] ?? null)),
  };
}

/** The day for a file: a row for each step, with all figures. Times are in seconds,
 *  shares in percent. */
export async function dayTable(of: Of, day: Day, today: Day, step: Step): Promise<Table> {
  const [rows, all] = await Promise.all([rowsOf(of, midnight(day), endOf(day, today), queueFigures, step, {}), catalogue()]);
  const units = queueFigures.map((id) => all.get(id)?.unit ?? '1');
  const cell = (v: number | null | undefined, unit: string): Cell => (v == null ? null : unit === 'ms' ? v / 1000 : unit === 'ratio' ? Math.round(v * 1e4) / 100 : v);
  const head = (id: string, i: number): string => figureName(id) + ({ ms: ' (s)', ratio: ' (%)' }[units[i] ?? ''] ?? '');
  return {
    name: `${t('day.file')}-${day}`,
    head: [t('desk.from'), t('desk.to'), ...queueFigures.map(head)],
    rows: rows.map((r) => [{ at: moment(r.from) ?? 0 }, { at: moment(r.to) ?? 0 }, ...queueFigures.map((id, i) => cell(r.kpis[id], units[i] ?? ''))]),
  };
}
