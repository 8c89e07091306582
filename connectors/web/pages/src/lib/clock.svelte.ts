// One timer for every clock on the page. It shows the daemon's time: the moments that
// the daemon tells are by its own clock, and that of a TV may be wrong.

class Clock {
  /** How far the daemon's clock is ahead of this machine's, in ms. */
  #ahead = 0;
  /** The daemon's time, once a second. */
  now = $state.raw(Date.now());

  /** Takes the daemon's time from a message that has just come. */
  set(at: string | null | undefined): void {
    const ms = at ? Date.parse(at) : NaN;
    if (Number.isNaN(ms)) return;
    const ahead = ms - Date.now();
    const wrong = Math.abs(ahead - this.#ahead) > 2000;
    this.#ahead = ahead;
    if (wrong) this.now = this.exact(); // what asks by the day must not begin with another one
  }

  /** The daemon's time at this instant. */
  exact(): number {
    return Date.now() + this.#ahead;
  }

  run(): () => void {
    let timer = 0;
    const tick = (): void => {
      this.now = this.exact();
      // On the daemon's seconds, so that all screens of a room change together.
      timer = window.setTimeout(tick, 1000 - (((this.now % 1000) + 1000) % 1000) + 5);
    };
    tick();
    return () => window.clearTimeout(timer);
  }
}

export const clock = new Clock();
