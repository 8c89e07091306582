// Keeps the live store fed while somebody is signed in, whatever ends in between.
import { Problem } from '../api';
import { session, type Session } from '../session.svelte';
import { overEvents } from './events';
import { live } from './store.svelte';

export { live } from './store.svelte';

const soonest = 500;
const latest = 15_000;
/** A connection that lasted as long was a good one: the next attempt is soon. */
const good = 20_000;
/** After so many failures in a row it is tried without NATS, for a while. */
const patience = 3;
const withoutFor = 5 * 60_000;
const lookEvery = 20_000;

/** Runs until the function that it returns is called. */
export function follow(who: Session): () => void {
  const end = new AbortController();
  live.clear();
  void run(who, end.signal);
  return () => end.abort();
}

async function run(who: Session, signal: AbortSignal): Promise<void> {
  let failed = 0; // attempts in a row
  let refused = 0; // of these, by NATS
  while (!signal.aborted) {
    const begun = Date.now();
    try {
      if (who.nats && refused < patience) {
        live.why = '';
        const { overNATS } = await import('./nats');
        await overNATS(who, signal);
      } else {
        live.why = who.nats ? 'refused' : 'none';
        await untilNATS(who.nats != null, signal);
        if (session.who) who = session.who;
        refused = 0;
        continue;
      }
    } catch (e) {
      if (e instanceof Problem && e.status === 401) return; // nobody is signed in
    }
    if (signal.aborted || session.step === 'out') return;
    live.lost();
    const well = Date.now() - begun > good;
    failed = well ? 0 : failed + 1;
    await pause(Math.min(latest, soonest * 2 ** Math.min(failed, 6)) * (0.75 + Math.random() / 2), signal);
    if (signal.aborted) return;
    try {
      if (!(await session.look())) return;
      if (session.who) who = session.who; // the daemon may have another NATS now
      refused = well ? 0 : refused + 1;
    } catch {
      // The daemon is away: that is not NATS's doing.
    }
  }
}

/** Takes the events until NATS is worth another attempt: after a while where it refused,
 *  and else when the daemon says that it is there. */
async function untilNATS(refused: boolean, signal: AbortSignal): Promise<void> {
  const begun = Date.now();
  const turn = new AbortController();
  const looking = window.setInterval(() => {
    session.look().then(
      (is) => {
        if (!is || (session.who?.nats && (!refused || Date.now() - begun > withoutFor))) turn.abort();
      },
      () => undefined, // told by the events' end
    );
  }, lookEvery);
  await overEvents(AbortSignal.any([signal, turn.signal])).finally(() => window.clearInterval(looking));
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((done) => {
    const timer = window.setTimeout(done, ms);
    signal.addEventListener('abort', () => {
      window.clearTimeout(timer);
      done();
    }, { once: true });
  });
}
