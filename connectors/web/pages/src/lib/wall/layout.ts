// What a wallboard shows is in its address, so that a screen is set up by a link:
// ?queues=support,sales&teams=north&show=queues,agents&sl=sl.answered&offline=1

export const parts = ['queues', 'agents', 'alerts'] as const;
export type Part = (typeof parts)[number];

/** The service levels of the catalogue. */
export const formulas = ['sl.offered', 'sl.answered', 'sl.credit_abandon', 'sl.late_abandon', 'sl.short_credit', 'sl.short_excluded', 'sl.flowout'] as const;
export type Formula = (typeof formulas)[number];

export interface Layout {
  show: ReadonlySet<Part>;
  /** Empty: all. */
  queues: ReadonlySet<string>;
  teams: ReadonlySet<string>;
  formula: Formula;
  offline: boolean;
}

export function readLayout(query: URLSearchParams): Layout {
  const shown = list(query.get('show')).filter((p): p is Part => (parts as readonly string[]).includes(p));
  return {
    show: new Set(shown.length > 0 ? shown : parts),
    queues: new Set(list(query.get('queues'))),
    teams: new Set(list(query.get('teams'))),
    formula: formulas.find((f) => f === query.get('sl')) ?? 'sl.offered',
    offline: query.get('offline') === '1',
  };
}

/** Writes a layout into a query, which keeps what else it has. */
export function writeLayout(l: Layout, query: URLSearchParams): URLSearchParams {
  const out = new URLSearchParams(query);
  const put = (key: string, value: string): void => {
    if (value) out.set(key, value);
    else out.delete(key);
  };
  put('show', l.show.size === parts.length ? '' : [...l.show].join(','));
  put('queues', joined(l.queues));
  put('teams', joined(l.teams));
  put('sl', l.formula === 'sl.offered' ? '' : l.formula);
  put('offline', l.offline ? '1' : '');
  return out;
}

// A comma in a name is written as %2C, a percent sign as %25.
const joined = (names: ReadonlySet<string>): string => [...names].map((n) => n.replace(/[%,]/g, encodeURIComponent)).join(',');

function list(text: string | null): string[] {
  return (text ?? '').split(',').filter(Boolean).map((n) => n.replaceAll('%2C', ',').replaceAll('%25', '%'));
}

/** The columns with which n tiles of about some shape fill an area best. */
export function columnsFor(n: number, width: number, height: number, shape: number): number {
  let best = 1;
  let size = 0;
  for (let columns = 1; columns <= n; columns++) {
    const w = width / columns / shape;
    const h = height / Math.ceil(n / columns);
    if (Math.min(w, h) > size) {
      size = Math.min(w, h);
      best = columns;
    }
  }
  return best;
}
