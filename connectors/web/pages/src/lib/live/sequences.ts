// Which message of a subject came last: they are numbered, anew in each run of the
// daemon. What is kept is bounded by the number of subjects.
import type { Header } from './messages';

export class Sequences {
  #last = new Map<string, { run: number; seq: number }>();

  /** Notes a pushed message: old where a later one, or a snapshot with it, was there
   *  before; gap where one before it was missed. */
  pushed(subject: string, { run, seq }: Header): 'next' | 'gap' | 'old' {
    const last = this.#last.get(subject);
    if (last && last.run === run && seq <= last.seq) return 'old';
    this.#last.set(subject, { run, seq });
    // Before the snapshots anything may come first.
    return last && (last.run !== run || seq !== last.seq + 1) ? 'gap' : 'next';
  }

  /** Notes a snapshot, which has the number of the last message that it includes; false
   *  where a later one is known. */
  snapshot(subject: string, { run, seq }: Header): boolean {
    const last = this.#last.get(subject);
    if (last && last.run === run && seq < last.seq) return false;
    this.#last.set(subject, { run, seq });
    return true;
  }
}
