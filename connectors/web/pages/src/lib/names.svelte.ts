// What agents, teams and queues are called, and by what queues are measured: it changes
// seldom, and is asked again now and then.
import { get, type Names } from './api';
import { live } from './live/store.svelte';

export interface QueueMeasure {
  threshold_ms: number;
  target: number;
}

const usual: QueueMeasure = { threshold_ms: 20_000, target: 0.8 };
const askEvery = 5 * 60_000;
const soon = 5_000;

class Directory {
  #list = $state.raw<Names | null>(null);
  readonly #agents = $derived(new Map(this.#list?.agents?.map((a) => [a.agent, a])));
  readonly #queues = $derived(new Map(this.#list?.queues?.map((q) => [q.queue, q])));

  get teams(): readonly { id: string; name?: string | undefined }[] {
    return this.#list?.teams ?? [];
  }

  /** What an agent is called: by the roster, or else by the switch. */
  agent(id: string): string {
    return this.#agents.get(id)?.name || plain(id);
  }

  /** The teams that an agent is in, the own one first. */
  teamsOf(agent: string): readonly string[] {
    return this.#agents.get(agent)?.teams ?? [];
  }

  readonly #domains = $derived.by(() => {
    const n = new Map<string, number>();
    for (const q of live.queues.keys()) n.set(plain(q), (n.get(plain(q)) ?? 0) + 1);
    return n;
  });

  /** What a queue is called; with its domain where several have one of that name. */
  queue(name: string): string {
    return (this.#domains.get(plain(name)) ?? 0) > 1 ? name : plain(name);
  }

  measure(queue: string): QueueMeasure {
    return this.#queues.get(queue) ?? usual;
  }

  /** Runs until the function that it returns is called. */
  follow(): () => void {
    let timer = 0;
    let over = false;
    const ask = async (): Promise<void> => {
      let next = askEvery;
      try {
        this.#list = await get('/api/v1/names', undefined, { unattended: true });
      } catch {
        next = soon;
      }
      if (!over) timer = window.setTimeout(() => void ask(), next);
    };
    void ask();
    return () => {
      over = true;
      window.clearTimeout(timer);
      this.#list = null;
    };
  }
}

/** The part of a switch's name that people say: support of support@default. */
function plain(name: string): string {
  const at = name.lastIndexOf('@');
  return at > 0 ? name.slice(0, at) : name;
}

export const names = new Directory();
