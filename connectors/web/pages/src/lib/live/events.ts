// The daemon's messages as server-sent events: where NATS is somebody else's server, or
// cannot be reached from here.
import type { Message } from './messages';
import { live } from './store.svelte';

/** How long nothing may come. The daemon sends something every five seconds. */
const patience = 15_000;
/** How long it may take until everything has come that is so at the beginning. */
const wholeAfter = 500;

const kinds: Record<string, Message['kind']> = { agent: 'agent', queue: 'queue', site: 'site', figures: 'figures', alert: 'alert' };

/** Runs until the connection ends, or the signal does. */
export function overEvents(signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const source = new EventSource('/api/v1/events?kpi=true');
    let watchdog = 0;
    const end = (error?: Error): void => {
      window.clearTimeout(watchdog);
      source.close(); // it would come back by itself, and not tell of it
      signal.removeEventListener('abort', stop);
      if (error) reject(error);
      else resolve();
    };
    const stop = (): void => end();
    const heard = (at: string | null): void => {
      window.clearTimeout(watchdog);
      watchdog = window.setTimeout(() => end(new Error('silence')), patience);
      live.hear(at, patience);
    };
    signal.addEventListener('abort', stop);
    source.onopen = () => {
      live.alerts.clear(); // those that are raised come now
      live.connected('events');
      heard(null);
      window.setTimeout(() => (live.whole = true), wholeAfter);
    };
    source.onerror = () => end(new Error('the events end'));
    for (const [name, kind] of Object.entries(kinds)) {
      source.addEventListener(name, (e: MessageEvent<string>) => {
        const body = JSON.parse(e.data);
        heard(null);
        live.take({ kind, body } as Message);
      });
    }
    source.addEventListener('alive', (e: MessageEvent<string>) => heard((JSON.parse(e.data) as { at: string }).at));
  });
}
