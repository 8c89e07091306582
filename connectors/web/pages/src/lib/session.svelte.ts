// Who is signed in. The browser holds a cookie that no script can read; this is what
// the daemon says about it.
import { onEnded, Problem, send } from './api';
import { clock } from './clock.svelte';

/** GET /session answers with this; connectors/web/client/session.go says more. */
export interface Session {
  signed_in: boolean;
  site?: string;
  time_zone?: string;
  now: string | null;
  name?: string;
  role?: Role;
  teams?: string[];
  agent?: string;
  rights?: Right[];
  until: string | null;
  nats?: { path: string; subjects: string };
  pages: string;
}
export type Role = 'admin' | 'supervisor' | 'agent' | 'wallboard' | 'scoring' | 'ingest';
export type Right = 'site' | 'queues' | 'agents' | 'kpi' | 'contacts' | 'roster' | 'facts' | 'export' | 'scores' | 'seal' | 'records' | 'feed' | 'metrics' | 'alerts' | 'setup';

export interface Ticket {
  path: string;
  user: string;
  password: string;
}

type Step = 'asking' | 'away' | 'out' | 'in';

class Sessions {
  who = $state.raw<Session | null>(null);
  /** asking: not known yet; away: the daemon cannot be reached; out: sign in. */
  step = $state.raw<Step>('asking');
  /** What went wrong with the token of the address. */
  problem = $state.raw<string>('');
  #version = '';

  may(right: Right): boolean {
    return this.who?.rights?.includes(right) ?? false;
  }

  take(s: Session): void {
    clock.set(s.now);
    if (this.#version !== '' && s.pages !== this.#version) {
      location.reload(); // the daemon has other pages now
      return;
    }
    this.#version = s.pages;
    this.who = s.signed_in ? s : null;
    this.step = s.signed_in ? 'in' : 'out';
  }

  /** Asks again who is signed in; false where nobody is. Throws where the daemon cannot
   *  be reached. */
  async look(unattended = true): Promise<boolean> {
    this.take((await send('GET', '/session', undefined, { unattended })) as Session);
    return this.step === 'in';
  }

  async signIn(token: string): Promise<void> {
    this.take((await send('POST', '/session', { token: token.trim() })) as Session);
  }

  async signOut(): Promise<void> {
    await send('DELETE', '/session');
    this.ended();
  }

  ended = (): void => {
    this.who = null;
    this.step = 'out';
  };
}

export const session = new Sessions();
onEnded(session.ended);

/** Takes the token, or code, that the address may have after #token=, and takes it out
 *  of the address at once: it must stay in no history. */
function shown(): string {
  const token = /^#token=([\w.~-]+)$/.exec(location.hash)?.[1] ?? '';
  if (token) history.replaceState(null, '', location.pathname + location.search);
  return token;
}

const pause = (ms: number): Promise<void> => new Promise((done) => setTimeout(done, ms));

export async function begin(): Promise<void> {
  window.addEventListener('hashchange', () => {
    const token = shown();
    if (token) void signInBy(token);
  });
  const token = shown();
  if (token && (await signInBy(token))) return;
  for (;;) {
    try {
      await session.look(false);
      return;
    } catch {
      session.step = 'away';
      await pause(2000);
    }
  }
}

async function signInBy(token: string): Promise<boolean> {
  for (;;) {
    try {
      await session.signIn(token);
      return true;
    } catch (e) {
      if (!(e instanceof Problem)) {
        session.step = 'away';
        await pause(2000);
        continue; // the token is used only where the daemon answers
      }
      session.problem = e.message;
      return false; // an old link: who is signed in already stays so
    }
  }
}

const lookEvery = 5 * 60_000;

/** Keeps the session known, and alive while a person does something. */
export function attend(): () => void {
  let active = false;
  const did = (): void => void (active = true);
  const kinds = ['pointerdown', 'keydown', 'wheel', 'touchstart'] as const;
  for (const k of kinds) window.addEventListener(k, did, { passive: true });
  const timer = setInterval(() => {
    const was = active;
    active = false;
    session.look(!was).catch(() => undefined); // who is away is told of by what is shown live
  }, lookEvery);
  return () => {
    clearInterval(timer);
    for (const k of kinds) window.removeEventListener(k, did);
  };
}
