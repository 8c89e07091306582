// What is so now, whichever way it comes. Every message is a whole state and replaces
// the one before, so that what is kept is bounded by how many agents and queues there
// are: a TV runs this for a month.
import { SvelteMap } from 'svelte/reactivity';
import type { AgentState, AlertState, Figures, QueueState, SiteState, SwitchHealth } from '../api';
import { clock } from '../clock.svelte';
import { moment } from '../format';
import type { Message } from './messages';

/** How it comes: over NATS, as server-sent events where NATS is not reached, or not. */
export type Link = 'connecting' | 'nats' | 'events' | 'lost';

class Live {
  readonly agents = new SvelteMap<string, AgentState>();
  readonly queues = new SvelteMap<string, QueueState>();
  readonly agentFigures = new SvelteMap<string, Figures>();
  readonly queueFigures = new SvelteMap<string, Figures>();
  /** Those that are raised, by rule and subject. */
  readonly alerts = new SvelteMap<string, AlertState>();
  site = $state.raw<SiteState | null>(null);
  switches = $state.raw<SwitchHealth[]>([]);
  link = $state.raw<Link>('connecting');
  /** Why it is not NATS. */
  why = $state.raw('');
  /** When the connection was lost, by the daemon's clock; 0 while it is not. */
  lostAt = $state.raw(0);
  /** Whether everything has come once. */
  whole = $state.raw(false);

  // When anything was heard last, by the daemon's clock. It is looked at once a second
  // and not with each message.
  #heard = 0;
  #patience = 15_000;

  /** When the daemon was last heard of. */
  get heard(): number {
    void clock.now;
    return this.#heard;
  }

  /** Since when what is shown is old, by the daemon's clock; 0 while it is not: the
   *  connection is lost, or nothing comes although there is one. */
  readonly oldSince: number = $derived.by(() => {
    if (this.lostAt > 0) return this.lostAt;
    return this.#heard > 0 && clock.now - this.#heard > this.#patience ? this.#heard : 0;
  });

  /** Until when clocks run: what is not seen does not go on for all we know. */
  until(observed: boolean, sw?: string): number {
    if (!observed) {
      const since = this.unseenSince(sw);
      if (since > 0) return since;
    }
    return this.oldSince > 0 ? this.oldSince : clock.now;
  }

  /** Since when a switch, or any, cannot be seen; 0: all can, or nobody knows. */
  unseenSince(sw?: string): number {
    let first = 0;
    for (const s of this.switches) {
      if (s.observed || (sw && s.name !== sw)) continue;
      const since = moment(s.since) ?? 0;
      if (since > 0 && (first === 0 || since < first)) first = since;
    }
    return first;
  }

  /** How long something has gone on that began at a moment of a switch's clock. */
  lasts(since: string | null | undefined, observed: boolean, sw?: string): number | null {
    const begin = moment(since);
    if (begin == null) return null;
    const ahead = this.switches.find((s) => s.name === sw)?.clock_off_ms ?? 0;
    return Math.max(0, this.until(observed, sw) + ahead - begin);
  }

  hear(at: string | null | undefined, patience?: number): void {
    if (at) clock.set(at);
    this.#heard = clock.exact();
    if (patience) this.#patience = patience;
  }

  connected(link: Link): void {
    this.link = link;
    this.lostAt = 0;
    this.#heard = clock.exact();
  }

  lost(): void {
    if (this.lostAt === 0) this.lostAt = this.#heard > 0 ? this.#heard : clock.exact();
    this.link = 'lost';
  }

  take(m: Message): void {
    this.#heard = clock.exact();
    switch (m.kind) {
      case 'agent':
        this.agents.set(m.body.agent, m.body);
        break;
      case 'queue':
        this.queues.set(m.body.queue, m.body);
        break;
      case 'site':
        this.site = m.body;
        this.switches = m.body.switches ?? [];
        break;
      case 'figures':
        if (m.body.queue !== undefined) this.queueFigures.set(m.body.queue, m.body);
        else if (m.body.agent !== undefined) this.agentFigures.set(m.body.agent, m.body);
        break;
      case 'alert': {
        const key = m.body.rule + '\n' + m.body.subject;
        if (m.body.event === 'raised') this.alerts.set(key, m.body);
        else if (this.alerts.get(key)?.id === m.body.id) this.alerts.delete(key);
        break;
      }
      case 'heartbeat':
        this.switches = m.body.switches;
        this.hear(m.body.at, 3 * m.body.every_ms);
    }
  }

  /** Leaves out who is not in a list of all: names go when people are forgotten. */
  keepAgents(names: Set<string>): void {
    for (const m of [this.agents, this.agentFigures]) for (const n of m.keys()) if (!names.has(n)) m.delete(n);
  }
  keepQueues(names: Set<string>): void {
    for (const m of [this.queues, this.queueFigures]) for (const n of m.keys()) if (!names.has(n)) m.delete(n);
  }

  /** Forgets everything: somebody else signs in. */
  clear(): void {
    for (const m of [this.agents, this.queues, this.agentFigures, this.queueFigures, this.alerts]) m.clear();
    this.site = null;
    this.switches = [];
    this.link = 'connecting';
    this.why = '';
    this.lostAt = 0;
    this.whole = false;
    this.#heard = 0;
  }
}

export const live = new Live();
