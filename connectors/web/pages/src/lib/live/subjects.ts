// Subjects of NATS, as connectors/bus/docs/subjects.md has them.

const plain = /[A-Za-z0-9@_-]/;

/** Writes a name as one word of a subject. */
export function encodeID(name: string): string {
  if (name === '') return '%';
  let out = '';
  for (const byte of new TextEncoder().encode(name)) {
    const c = String.fromCharCode(byte);
    out += byte < 0x80 && plain.test(c) ? c : '%' + byte.toString(16).toUpperCase().padStart(2, '0');
  }
  return out;
}

/** What one may subscribe to: everything of a kind, or single agents. */
export interface Scope {
  site: boolean;
  queues: boolean;
  alerts: boolean;
  agentAlerts: boolean;
  /** null: every agent. */
  agents: string[] | null;
}

/** The subjects that tell of what is in a scope. */
export function pushed(prefix: string, scope: Scope): string[] {
  const out: string[] = [];
  const add = (...words: string[]): void => void out.push([prefix, ...words].join('.'));
  if (scope.site) {
    add('site', 'state');
    add('heartbeat');
    if (scope.alerts) add('alert', '*', 'site');
  }
  if (scope.queues) {
    add('queue', '*', 'state');
    add('queue', '*', 'kpi');
    if (scope.alerts) add('alert', '*', 'queue', '*');
  }
  for (const id of scope.agents === null ? ['*'] : scope.agents.map(encodeID)) {
    add('agent', id, 'state');
    add('agent', id, 'kpi');
    if (scope.agentAlerts) add('alert', '*', 'agent', id);
  }
  return out;
}
