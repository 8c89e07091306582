// Light or dark: as the address says (?theme=dark), or who sits here, or the system.
import { router } from './router.svelte';

export type Theme = 'light' | 'dark';

const storedAt = 'tally.theme';
const system = matchMedia('(prefers-color-scheme: dark)');

function known(text: string | null): Theme | undefined {
  return text === 'light' || text === 'dark' ? text : undefined;
}

class Chosen {
  #own = $state.raw<Theme | undefined>(known(localStorage.getItem(storedAt)));
  #system = $state.raw<Theme>(system.matches ? 'dark' : 'light');
  readonly current: Theme = $derived(known(router.query.get('theme')) ?? this.#own ?? this.#system);

  constructor() {
    system.addEventListener('change', (e) => (this.#system = e.matches ? 'dark' : 'light'));
  }

  turn(): void {
    const to = this.current === 'dark' ? 'light' : 'dark';
    this.#own = to;
    localStorage.setItem(storedAt, to);
    router.without('theme');
  }
}

export const theme = new Chosen();
