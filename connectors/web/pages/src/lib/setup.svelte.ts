// What the set-up page asks of the daemon, and what it writes for tallyd.yaml.
import { send, type Schemas } from './api';

export type SwitchSettings = Schemas['SwitchSettings'];
export type SwitchTrial = Schemas['SwitchTrial'];
export type RosterTrial = Schemas['RosterTrial'];

export async function trySwitch(s: SwitchSettings): Promise<SwitchTrial> {
  return (await send('POST', '/api/v1/setup/switch', s)) as SwitchTrial;
}

export async function tryRoster(text: string): Promise<RosterTrial> {
  return (await send('POST', '/api/v1/setup/roster', { text })) as RosterTrial;
}

/** Puts a roster into force, in the place of what trying it found there. */
export async function writeRoster(text: string, over: string): Promise<RosterTrial> {
  return (await send('PUT', '/api/v1/setup/roster', { text, over })) as RosterTrial;
}

export interface Target {
  queue: string;
  within: number;
  target: number;
  short: number;
}

/** What the steps came to, for the configuration at the end. */
export const settled = $state({
  /** Switches that answered: by name, their part of the configuration. */
  switches: {} as Record<string, { yaml: string; queues: string[]; passwords: string[] }>,
  /** Where a roster belongs that is not in the configured file. */
  roster: '',
  targets: '',
});

const head = 'switches:\n';

/** Keeps a switch that answered. */
export function settle(name: string, trial: SwitchTrial): void {
  const yaml = trial.config ?? '';
  if (!yaml.startsWith(head)) return;
  const passwords = [...yaml.matchAll(/password_file: (\S+)/g)].map((m) => m[1]!);
  settled.switches[name] = { yaml: yaml.slice(head.length), queues: (trial.queues ?? []).map((q) => q.name), passwords };
}

/** The configuration that the steps came to; empty: nothing yet. */
export function configuration(): string {
  const switches = Object.values(settled.switches).map((s) => s.yaml);
  return (switches.length > 0 ? head + switches.join('') : '') + (settled.roster ? `roster_file: ${settled.roster}\n` : '') + settled.targets;
}

/** What is to be typed to put it into force. */
export function commands(): string {
  const files = Object.values(settled.switches).flatMap((s) => s.passwords);
  return [
    'sudo install -d -m 750 /etc/tallyd',
    'sudo install -b -m 640 tallyd.yaml /etc/tallyd/',
    ...(settled.roster ? ['sudo install -b -m 640 roster.yaml /etc/tallyd/'] : []),
    ...files.map((f) => `sudo sh -c 'umask 077; cat > ${f}'`),
    'sudo tallyd check --config /etc/tallyd/tallyd.yaml',
    'sudo tallyd serve --config /etc/tallyd/tallyd.yaml --data /var/lib/tallyd',
  ].join('\n');
}

/** The part of tallyd.yaml that has some queues' targets. */
export function targetsYAML(list: readonly Target[]): string {
  const lines = list.map((q) => `  ${JSON.stringify(q.queue)}: {service_level: ${q.within}s, target: ${q.target}%, short_abandon: ${q.short}s}\n`);
  return lines.length > 0 ? 'queues:\n' + lines.join('') : '';
}
