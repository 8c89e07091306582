// Languages. Each has a dictionary of the same keys: one that lacks a key, or has one
// that English has not, fails the type check.
import { router } from '../router.svelte';
import { en } from './en';
import { zh } from './zh';

export type Key = keyof typeof en;
export type Dictionary = Record<Key, string>;

const dictionaries = { en, zh } satisfies Record<string, Dictionary>;
export type Language = keyof typeof dictionaries;
export const languages: readonly { id: Language; name: string }[] = [
  { id: 'en', name: 'English' },
  { id: 'zh', name: '中文' },
];

/** What documents and Intl call a language. */
const tags: Record<Language, string> = { en: 'en', zh: 'zh-Hans-CN' };

const storedAt = 'tally.lang';

function known(text: string | null | undefined): Language | undefined {
  const short = text?.slice(0, 2).toLowerCase();
  return languages.find((l) => l.id === short)?.id;
}

function preferred(): Language {
  for (const text of navigator.languages) {
    const l = known(text);
    if (l) return l;
  }
  return 'en';
}

class Chosen {
  #own = $state.raw<Language | undefined>(known(localStorage.getItem(storedAt)));
  /** The address says it (?lang=zh), or else who sits here, or else the browser. */
  readonly current: Language = $derived(known(router.query.get('lang')) ?? this.#own ?? preferred());
  readonly tag: string = $derived(regional(this.current));

  set(to: Language): void {
    this.#own = to;
    localStorage.setItem(storedAt, to);
    router.without('lang');
  }
}

/** The browser's own region of a language, where it has one: 24 hours or 12, say. */
function regional(l: Language): string {
  return navigator.languages.find((x) => known(x) === l && x.includes('-')) ?? tags[l];
}

export const language = new Chosen();

/** A text in the language of the moment; {name} stands for a parameter. */
export function t(key: Key, parameters?: Record<string, string | number>): string {
  const text: string = dictionaries[language.current][key];
  if (!parameters) return text;
  return text.replace(/\{(\w+)\}/g, (whole, name: string) => String(parameters[name] ?? whole));
}

/** The text of a key that is put together, such as a state's name; the end of the key
 *  itself where no dictionary has it. */
export function named(prefix: string, name: string): string {
  const key = `${prefix}.${name}`;
  return key in en ? t(key as Key) : name;
}
