// Tables as files: CSV, and workbooks for Excel.
import { dayOf, timeOfDay } from './days';

/** A moment in ms, which a table shows where the site is. */
export interface Moment {
  at: number;
}
export type Cell = string | number | Moment | null | undefined;

export interface Table {
  /** What the file is called, without its ending. */
  name: string;
  head: string[];
  rows: Cell[][];
}

/** The moment as if the site's clock were UTC's: dates of spreadsheets have no zone. */
function local(m: Moment): Date {
  return new Date(Date.parse(dayOf(m.at) + 'T00:00:00Z') + timeOfDay(m.at));
}

/** A cell of CSV: quoted where it must be. What a spreadsheet would take for a formula
 *  gets a quote before it; numbers do not. */
function text(v: Cell): string {
  if (v == null) return '';
  if (typeof v === 'number') return String(v);
  if (typeof v === 'object') return local(v).toISOString().slice(0, 19).replace('T', ' ');
  const safe = /^[=+\-@\t\r]/.test(v) ? "'" + v : v;
  return /[",\n\r]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

/** Saves a table as CSV. The mark at its beginning tells Excel that it is UTF-8. */
export function saveCSV(of: Table): void {
  const lines = [of.head, ...of.rows].map((r) => r.map(text).join(','));
  saveAs(of.name + '.csv', new Blob(['\uFEFF' + lines.join('\r\n') + '\r\n'], { type: 'text/csv;charset=utf-8' }));
}

/** Saves a table as a workbook. What makes it is loaded when the first is asked for. */
export async function saveXLSX(of: Table): Promise<void> {
  // That of browsers packs in a worker of its own making, which the policy forbids.
  const { default: write } = await import('write-excel-file/universal');
  const cells = of.rows.map((r) => r.map((v) => (v == null || v === '' ? null : typeof v === 'object' ? { value: local(v), format: 'yyyy-mm-dd hh:mm:ss' } : typeof v === 'string' ? { value: v, type: String } : v)));
  const widths = of.head.map((h, i) => Math.min(48, Math.max(10, ...[h, ...of.rows.slice(0, 200).map((r) => text(r[i]))].map((s) => wide(s) + 2))));
  const book = write([of.head.map((h) => ({ value: h, fontWeight: 'bold' as const })), ...cells], { columns: widths.map((width) => ({ width })), stickyRowsCount: 1 });
  saveAs(of.name + '.xlsx', await book.toBlob());
}

/** How many columns of characters a text takes: Chinese ones are as wide as two. */
function wide(s: string): number {
  return [...s].reduce((n, c) => n + (c > '\u2E7F' ? 2 : 1), 0);
}

/** Saves a file. */
export function saveAs(name: string, content: Blob): void {
  const at = URL.createObjectURL(content);
  const a = document.createElement('a');
  a.href = at;
  a.download = name;
  a.click();
  window.setTimeout(() => URL.revokeObjectURL(at), 10_000);
}
