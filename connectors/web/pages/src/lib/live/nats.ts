// The daemon's messages over NATS, by WebSocket under the HTTP address: as any wallboard
// gets them. It connects with a ticket that is good once, so that it does not connect
// again by itself: whoever runs it does so, with the next ticket.
import { wsconnect, type NatsConnection } from '@nats-io/nats-core';
import { get, send, type AgentState, type AlertState, type QueueState } from '../api';
import { session, type Session, type Ticket } from '../session.svelte';
import { read, type Header, type Message } from './messages';
import { Sequences } from './sequences';
import { live } from './store.svelte';
import { encodeID, pushed, type Scope } from './subjects';

const askWithin = 8_000;
const pingEvery = 5_000;
/** How long nothing may come: who may see the site hears the daemon every five seconds,
 *  and others have the server answer as often. */
const patience = 3 * pingEvery;
/** How many figures are asked for at once. */
const atOnce = 16;
/** The least time between two snapshots of everything after something was missed. */
const againAfter = 2_000;

/** Runs until the connection ends, or the signal does. */
export async function overNATS(who: Session, signal: AbortSignal): Promise<void> {
  if (!who.nats) throw new Error('no NATS');
  const scope = await scopeOf(who);
  const ticket = (await send('POST', '/session/nats', {}, { unattended: true })) as Ticket;
  const nc = await wsconnect({
    servers: `${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}${ticket.path}`,
    user: ticket.user,
    pass: ticket.password,
    inboxPrefix: `_INBOX_${ticket.user}`,
    reconnect: false,
    ignoreClusterUpdates: true,
    timeout: askWithin,
    pingInterval: pingEvery,
    maxPingOut: 2,
  });
  const close = (): void => void nc.close();
  signal.addEventListener('abort', close);
  const feed = new Feed(nc, who.nats.subjects, scope);
  try {
    await feed.begin();
    const error = await Promise.race([nc.closed(), feed.silence()]);
    if (error) throw error;
  } finally {
    signal.removeEventListener('abort', close);
    feed.end();
    // Not waited for: where the network is silent a browser takes a minute to close.
    if (!nc.isClosed()) void nc.close();
  }
}

/** What who is signed in may subscribe to. */
async function scopeOf(who: Session): Promise<Scope> {
  const may = (r: (typeof who.rights & object)[number]): boolean => who.rights?.includes(r) ?? false;
  let agents: string[] | null = may('agents') ? null : [];
  if (who.role === 'agent') agents = who.agent ? [who.agent] : [];
  if (who.role === 'supervisor') agents = ((await get('/api/v1/names', undefined, { unattended: true })).agents ?? []).map((a) => a.agent);
  return { site: may('site'), queues: may('queues'), alerts: may('alerts'), agentAlerts: may('alerts') && who.role !== 'wallboard', agents };
}

class Feed {
  #sequences = new Sequences();
  #again = 0;
  #pulse = 0;
  #heard = Date.now();
  #watch = 0;

  constructor(
    private nc: NatsConnection,
    private prefix: string,
    private scope: Scope,
  ) {}

  async begin(): Promise<void> {
    for (const subject of pushed(this.prefix, this.scope)) {
      this.nc.subscribe(subject, {
        callback: (err, msg) => {
          if (err) return; // told by the connection's end
          this.#take(msg.subject, msg.json());
        },
      });
    }
    await this.snapshots();
    live.connected('nats');
    live.whole = true;
    if (!this.scope.site) {
      // Agents get no heartbeats: that the server answers is what they can know.
      this.#pulse = window.setInterval(() => void this.nc.rtt().then(() => (this.#hear(), live.hear(null, patience)), () => undefined), pingEvery);
    }
  }

  #hear(): void {
    this.#heard = Date.now();
  }

  /** Comes to an error when nothing has come for too long. */
  silence(): Promise<Error> {
    return new Promise((done) => {
      this.#hear();
      this.#watch = window.setInterval(() => Date.now() - this.#heard > patience && done(new Error('silence')), 1000);
    });
  }

  end(): void {
    window.clearInterval(this.#watch);
    window.clearInterval(this.#pulse);
    window.clearTimeout(this.#again);
  }

  /** A pushed message. */
  #take(subject: string, body: unknown): void {
    this.#hear();
    const m = read(subject.slice(this.prefix.length + 1).split('.'), body);
    if (!m) return;
    switch (this.#sequences.pushed(subject, m.body as Header)) {
      case 'old':
        return;
      case 'gap':
        this.#missed();
    }
    live.take(m);
  }

  /** What was missed of one subject may have been missed of others, of which no next
   *  message tells: everything is asked again. */
  #missed(): void {
    if (this.#again) return;
    this.#again = window.setTimeout(() => {
      this.#again = 0;
      this.snapshots().catch(() => void this.nc.close());
    }, againAfter);
  }

  async #ask<T>(of: string, body: unknown = null): Promise<T> {
    const r = await this.nc.request(`${this.prefix}.snapshot.${of}`, body === null ? '' : JSON.stringify(body), { timeout: askWithin });
    const answer = r.json<T & { error?: string }>();
    if (answer.error !== undefined && (answer as { site?: string }).site === undefined) throw new Error(answer.error);
    return answer;
  }

  /** The answer about one subject, unless a later message has come since. */
  #put(subject: string, m: Message): void {
    if (this.#sequences.snapshot(`${this.prefix}.${subject}`, m.body as Header)) live.take(m);
  }

  /** Everything that is so. */
  async snapshots(): Promise<void> {
    const { scope } = this;
    const figures: [kind: string, name: string][] = [];
    if (scope.site) {
      this.#put('heartbeat', { kind: 'heartbeat', body: await this.#ask('heartbeat') });
      this.#put('site.state', { kind: 'site', body: await this.#ask('site.state') });
    }
    if (scope.queues) {
      const names = new Set<string>();
      for (const q of await this.#pages<QueueState>('queues', (q) => q.queue)) {
        names.add(q.queue);
        figures.push(['queue', q.queue]);
        this.#put(`queue.${encodeID(q.queue)}.state`, { kind: 'queue', body: q });
      }
      live.keepQueues(names);
    }
    if (scope.agents === null || scope.agents.length > 0) {
      const names = new Set<string>();
      for (const a of await this.#pages<AgentState>('agents', (a) => a.agent)) {
        names.add(a.agent);
        figures.push(['agent', a.agent]);
        this.#put(`agent.${encodeID(a.agent)}.state`, { kind: 'agent', body: a });
      }
      live.keepAgents(names);
    }
    if (scope.alerts) {
      const { active } = await this.#ask<{ active: AlertState[] | null }>('alerts');
      live.alerts.clear();
      for (const body of active ?? []) live.take({ kind: 'alert', body });
    }
    for (let i = 0; i < figures.length; i += atOnce) await Promise.all(figures.slice(i, i + atOnce).map(([kind, name]) => this.#figures(kind, name)));
  }

  async #figures(kind: string, name: string): Promise<void> {
    const subject = `${kind}.${encodeID(name)}.kpi`;
    this.#put(subject, { kind: 'figures', body: await this.#ask(subject) });
  }

  async #pages<T>(what: 'agents' | 'queues', nameOf: (x: T) => string): Promise<T[]> {
    const out: T[] = [];
    for (let after: string | null = null; ; ) {
      const page: { agents?: T[]; queues?: T[]; more: boolean } = await this.#ask(what, after === null ? null : { after });
      const list: T[] = page[what] ?? [];
      out.push(...list);
      const last = list.at(-1);
      if (!page.more || last === undefined) return out;
      after = nameOf(last);
    }
  }
}

/** Whether NATS can be tried at all. */
export function reached(): boolean {
  return session.who?.nats != null;
}
