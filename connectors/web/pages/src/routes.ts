// The pages, in the order of the navigation. Each is loaded when it is gone to.
import type { Component } from 'svelte';
import type { Key } from './lib/i18n/index.svelte';
import { session, type Right } from './lib/session.svelte';

export interface PageProps {
  /** The address's words that stand where the path has a :word. */
  words: Record<string, string>;
}

export interface Route {
  /** Such as /agents/:agent; the first word tells one from another in the navigation. */
  path: string;
  title: Key;
  /** Whether who is signed in may see it. The daemon decides again, with every question. */
  may: () => boolean;
  load: () => Promise<{ default: Component<PageProps> | Component<Record<string, never>> }>;
  /** Has no place in the navigation: one goes there from another page. */
  inner?: true;
}

export const routes: Route[] = [
  { path: '/wallboard', title: 'nav.wallboard', may: () => session.may('queues') && session.may('agents'), load: () => import('./pages/Wallboard.svelte') },
  { path: '/cards', title: 'nav.card', may: () => own('scores'), load: () => import('./pages/Card.svelte') },
  { path: '/agents', title: 'nav.myDay', may: () => own('contacts'), load: () => import('./pages/AgentDay.svelte') },
  { path: '/day', title: 'nav.day', may: () => desk() && session.may('kpi') && session.may('queues'), load: () => import('./pages/Day.svelte') },
  { path: '/calls', title: 'nav.calls', may: () => session.may('contacts'), load: () => import('./pages/Calls.svelte') },
  { path: '/team', title: 'nav.team', may: () => desk() && session.may('scores'), load: () => import('./pages/Team.svelte') },
  { path: '/setup', title: 'nav.setup', may: () => session.may('setup'), load: () => import('./pages/Setup.svelte') },
  { path: '/cards/:agent', title: 'desk.card', may: () => session.may('scores'), load: () => import('./pages/Card.svelte'), inner: true },
  { path: '/agents/:agent/day', title: 'desk.agentDay', may: () => session.may('contacts'), load: () => import('./pages/AgentDay.svelte'), inner: true },
];

/** Whether somebody sees others' work: agents see their own. */
function desk(): boolean {
  const role = session.who?.role;
  return role === 'admin' || role === 'supervisor' || role === 'scoring';
}

/** Whether an agent sees something of the own. */
function own(right: Right): boolean {
  return session.who?.role === 'agent' && session.may(right);
}

/** The route of an address, and its words. */
export function find(path: string): { route: Route; words: Record<string, string> } | null {
  const parts = path.split('/').filter(Boolean);
  for (const route of routes) {
    const form = route.path.split('/').filter(Boolean);
    if (form.length !== parts.length) continue;
    const words: Record<string, string> = {};
    const fits = form.every((f, i) => {
      const part = parts[i] ?? '';
      if (f.startsWith(':')) words[f.slice(1)] = decodeURIComponent(part);
      return f.startsWith(':') || f === part;
    });
    if (fits) return { route, words };
  }
  return null;
}

/** Whether who is signed in may see the page of a path. */
export function mayGo(path: string): boolean {
  return routes.some((r) => r.path === path && r.may());
}

/** What who is signed in can go to. */
export function places(): Route[] {
  return routes.filter((r) => !r.inner && r.may());
}
