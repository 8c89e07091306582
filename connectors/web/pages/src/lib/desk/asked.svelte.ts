// A question that a page asks. It is asked again when what it rests on changes; an
// answer that comes after the next question is left out.
import { Problem, type Options } from '../api';
import { router } from '../router.svelte';

export type Trouble = '' | 'forbidden' | 'refused' | 'away';

/** Tells whether the address is still one of the page that is shown: the next page is
 *  loaded first, and what its address says is none of this one's. */
export function staying(): () => boolean {
  const first = (): string => router.path.split('/')[1] ?? '';
  const home = first();
  return () => first() === home;
}

/** How a question is asked anew by itself, while its answer goes on changing. */
export interface Renewal<T> {
  /** After how many ms; not while nobody sees the page. */
  every: number;
  stands: (value: T) => boolean;
}

/** How often scores are asked for anew while they stand. The daemon forms them once a
 *  minute at most. */
export const renewed = 90_000;

/** How often a day's figures are, while it is not over. */
export const minute = 60_000;

export class Asked<T> {
  /** The latest answer; it stays while the next one is waited for. */
  value = $state.raw<T | null>(null);
  trouble = $state.raw<Trouble>('');
  /** What the daemon says about a refusal. */
  detail = $state.raw('');
  asking = $state.raw(true);
  /** The answer was to be renewed, and the daemon was away: it is the one of before. */
  old = $state.raw(false);
  #turn = $state.raw(0);
  #renewals = $state.raw(0);

  /** For components, while they begin: question says what is asked, null for nothing. */
  constructor(question: (o: Options) => Promise<T> | null, renewal?: Renewal<T>) {
    const here = staying();
    if (renewal) this.#renew(question, renewal, here);
    $effect(() => {
      if (!here()) return;
      void this.#turn;
      const end = new AbortController();
      const answer = question({ signal: end.signal });
      if (!answer) {
        this.value = null;
        this.asking = false;
        return;
      }
      this.asking = true;
      answer.then(
        (value) => {
          if (end.signal.aborted) return;
          this.#take(value);
          this.asking = false;
        },
        (e: unknown) => {
          if (end.signal.aborted) return;
          this.#fail(e);
          this.asking = false;
        },
      );
      return () => end.abort();
    });
  }

  #take(value: T): void {
    this.value = value;
    this.trouble = '';
    this.old = false;
  }

  #fail(e: unknown): void {
    this.value = null;
    this.trouble = !(e instanceof Problem) ? 'away' : e.status === 403 ? 'forbidden' : 'refused';
    this.detail = e instanceof Problem ? e.message : '';
  }

  /** Renews an answer in its place: what is open, chosen or being read on the page stays. */
  #renew(question: (o: Options) => Promise<T> | null, renewal: Renewal<T>, here: () => boolean): void {
    $effect(() => {
      void this.#renewals;
      if (this.value == null || this.asking || !renewal.stands(this.value)) return;
      const due = Date.now() + renewal.every;
      const end = new AbortController();
      let begun = false;
      const ask = async (): Promise<void> => {
        if (begun || document.hidden || Date.now() < due || !here()) return;
        begun = true;
        try {
          const value = await question({ signal: end.signal, unattended: true });
          if (!end.signal.aborted && value != null) this.#take(value);
        } catch (e) {
          if (end.signal.aborted) return;
          if (e instanceof Problem && e.status < 500) this.#fail(e);
          else this.old = true;
          this.#renewals++;
        }
      };
      const timer = window.setInterval(ask, Math.min(renewal.every, 5000));
      document.addEventListener('visibilitychange', ask);
      return () => {
        window.clearInterval(timer);
        document.removeEventListener('visibilitychange', ask);
        end.abort();
      };
    });
  }

  again = (): void => void this.#turn++;
}
