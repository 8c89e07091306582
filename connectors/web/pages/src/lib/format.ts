// Numbers and times as the language of the moment writes them.
import { language, t } from './i18n/index.svelte';
import { session } from './session.svelte';

/** What stands where there is no data: that is neither 0 nor 100 %. */
export const none = '–';

const made = new Map<string, Intl.NumberFormat | Intl.DateTimeFormat>();

// Making a formatter takes far longer than using it. There are few.
function once<F extends Intl.NumberFormat | Intl.DateTimeFormat>(kind: string, make: (tag: string) => F): F {
  const key = kind + ' ' + language.tag;
  let f = made.get(key) as F | undefined;
  if (!f) made.set(key, (f = make(language.tag)));
  return f;
}

export function count(n: number | null | undefined): string {
  return n == null ? none : once('count', (l) => new Intl.NumberFormat(l, { maximumFractionDigits: 0 })).format(n);
}

export function decimal(n: number | null | undefined, digits = 1): string {
  return n == null ? none : once('decimal' + digits, (l) => new Intl.NumberFormat(l, { maximumFractionDigits: digits })).format(n);
}

/** With as many digits in each row of a column, 0s too. */
export function fixed(n: number | null | undefined, digits = 1): string {
  return n == null ? none : once('fixed' + digits, (l) => new Intl.NumberFormat(l, { minimumFractionDigits: digits, maximumFractionDigits: digits })).format(n);
}

/** A share, 0 to 1. */
export function percent(share: number | null | undefined, digits = 0): string {
  return share == null ? none : once('percent' + digits, (l) => new Intl.NumberFormat(l, { style: 'percent', maximumFractionDigits: digits })).format(share);
}

/** A span as a clock: 0:07, 12:30, 1:05:00. */
export function duration(ms: number | null | undefined): string {
  if (ms == null || Number.isNaN(ms)) return none;
  const s = Math.max(0, Math.floor(ms / 1000));
  const two = (n: number): string => String(n).padStart(2, '0');
  const hours = Math.floor(s / 3600);
  const rest = two(s % 60);
  return hours > 0 ? `${hours}:${two(Math.floor(s / 60) % 60)}:${rest}` : `${Math.floor(s / 60)}:${rest}`;
}

/** A span in words, to be read aloud. */
export function spoken(ms: number | null | undefined): string {
  if (ms == null || Number.isNaN(ms)) return t('none');
  const s = Math.max(0, Math.floor(ms / 1000));
  if (s < 60) return t('time.seconds', { n: s });
  if (s < 3600) return t('time.minutes', { n: Math.floor(s / 60) });
  return t('time.hours', { n: Math.floor(s / 3600), m: Math.floor(s / 60) % 60 });
}

/** A moment's time of day, where the site is. */
export function timeOf(at: number | string | null | undefined, seconds = false): string {
  const ms = moment(at);
  if (ms == null) return none;
  const zone = session.who?.time_zone;
  return once(`time${seconds} ${zone}`, (l) =>
    new Intl.DateTimeFormat(l, { hour: '2-digit', minute: '2-digit', ...(seconds ? { second: '2-digit' } : {}), ...(zone ? { timeZone: zone } : {}) }),
  ).format(ms);
}

/** A moment's date and time, where the site is. */
export function dateOf(at: number | string | null | undefined): string {
  const ms = moment(at);
  if (ms == null) return none;
  const zone = session.who?.time_zone;
  return once(`date ${zone}`, (l) => new Intl.DateTimeFormat(l, { dateStyle: 'medium', timeStyle: 'short', ...(zone ? { timeZone: zone } : {}) })).format(ms);
}

/** A moment in ms; null for none. */
export function moment(at: number | string | null | undefined): number | null {
  if (at == null) return null;
  const ms = typeof at === 'number' ? at : Date.parse(at);
  return Number.isNaN(ms) ? null : ms;
}

/** A figure of the catalogue, by its unit. */
export function figure(value: number | null | undefined, unit: string): string {
  switch (unit) {
    case 'ratio':
      return percent(value, 1);
    case 'ms':
      return duration(value);
    case 'per hour':
      return decimal(value, 1);
    default:
      return count(value);
  }
}
