// Days where the site is: 2026-11-27, and the moments at which they begin and end.
import { language } from '../i18n/index.svelte';
import { session } from '../session.svelte';

/** A day as it is written in addresses and fields of dates: 2026-11-27. */
export type Day = string;

const dayMs = 86_400_000;
const makers = new Map<string, Intl.DateTimeFormat>();

function parts(ms: number): { day: Day; time: number } {
  const zone = session.who?.time_zone ?? 'UTC';
  let maker = makers.get(zone);
  if (!maker) {
    maker = new Intl.DateTimeFormat('en-CA', {
      timeZone: zone, hourCycle: 'h23', year: 'numeric', month: '2-digit', day: '2-digit', hour: '2-digit', minute: '2-digit', second: '2-digit',
    });
    makers.set(zone, maker);
  }
  const p = Object.fromEntries(maker.formatToParts(ms).map((x) => [x.type, x.value]));
  const time = Number(p['hour']) * 3_600_000 + Number(p['minute']) * 60_000 + Number(p['second']) * 1000;
  return { day: `${p['year']}-${p['month']}-${p['day']}`, time };
}

/** The day that a moment is in. */
export function dayOf(ms: number): Day {
  return parts(ms).day;
}

/** How long after its day's beginning by the clock a moment is, to the second. */
export function timeOfDay(ms: number): number {
  return parts(ms).time;
}

/** Whether a text is a day. */
export function isDay(text: string | null): text is Day {
  return text != null && /^\d{4}-\d{2}-\d{2}$/.test(text) && !Number.isNaN(Date.parse(text + 'T00:00:00Z'));
}

export function plusDays(day: Day, n: number): Day {
  return new Date(Date.parse(day + 'T00:00:00Z') + n * dayMs).toISOString().slice(0, 10);
}

/** The moment of a time of day. Where the clocks are changed a day has another hour, or
 *  one less: the first guess is corrected by how far it is off. */
export function momentOf(day: Day, time = 0): number {
  const want = Date.parse(day + 'T00:00:00Z') + time;
  let at = want;
  for (let i = 0; i < 3; i++) {
    const is = parts(at);
    const off = want - (Date.parse(is.day + 'T00:00:00Z') + is.time);
    if (off === 0) break;
    at += off;
  }
  return at;
}

/** When a day begins. */
export function midnight(day: Day): number {
  return momentOf(day);
}

/** A day as the language writes it. */
export function dayText(day: Day): string {
  const at = Date.parse(day + 'T00:00:00Z');
  return Number.isNaN(at) ? day : new Intl.DateTimeFormat(language.tag, { dateStyle: 'medium', timeZone: 'UTC' }).format(at);
}

/** A first and a last day, as short as the language can: 1–15 Nov 2026. */
export function daysText(from: Day, last: Day): string {
  const [a, b] = [from, last].map((d) => Date.parse(d + 'T00:00:00Z')) as [number, number];
  return Number.isNaN(a + b) ? `${from} – ${last}` : new Intl.DateTimeFormat(language.tag, { dateStyle: 'medium', timeZone: 'UTC' }).formatRange(a, b);
}

/** The days of a period, whose end is the day after its last. */
export function periodText(p: { from: Day; to: Day }): string {
  return daysText(p.from, plusDays(p.to, -1));
}

/** A moment as questions have it. */
export function asked(ms: number): string {
  return new Date(ms).toISOString();
}
