// The day's calls by hour, of every queue. They are asked for now and then: what is
// kept is one day's.
import { get } from '../api';
import { live } from '../live';
import { moment } from '../format';

export interface Hour {
  from: number;
  offered: number;
  abandoned: number;
}

const askEvery = 60_000;

class Trends {
  #byQueue = $state.raw(new Map<string, Hour[]>());

  of(queue: string): readonly Hour[] {
    return this.#byQueue.get(queue) ?? [];
  }

  follow(): () => void {
    let timer = 0;
    let over = false;
    const ask = async (): Promise<void> => {
      try {
        if (live.link !== 'lost') {
          const answer = await get('/api/v1/kpi', { kind: 'queue', step: 'hour', kpi: ['offered', 'abandoned'], counters: false, limit: 20_000 }, { unattended: true });
          const by = new Map<string, Hour[]>();
          for (const row of answer.rows ?? []) {
            const from = moment(row.from);
            if (from == null) continue;
            const hours = by.get(row.name) ?? [];
            hours.push({ from, offered: row.kpis['offered'] ?? 0, abandoned: row.kpis['abandoned'] ?? 0 });
            by.set(row.name, hours);
          }
          this.#byQueue = by;
        }
      } catch {
        // What was there stays; the connection's state is told elsewhere.
      }
      if (!over) timer = window.setTimeout(() => void ask(), askEvery);
    };
    void ask();
    return () => {
      over = true;
      window.clearTimeout(timer);
    };
  }
}

export const trends = new Trends();
