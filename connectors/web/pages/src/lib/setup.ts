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

export interface Target {
  queue: string;
  within: number;
  target: number;
  short: number;
}

/** The part of tallyd.yaml that has some queues' targets. */
export function targetsYAML(list: readonly Target[]): string {
  const lines = list.map((q) => `  ${JSON.stringify(q.queue)}: {service_level: ${q.within}s, target: ${q.target}%, short_abandon: ${q.short}s}\n`);
  return lines.length > 0 ? 'queues:\n' + lines.join('') : '';
}
