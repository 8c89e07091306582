// The messages of NATS and of the events: the same, but that events have no sequence.
import type { AgentState, AlertState, Figures, QueueState, SiteState, SwitchHealth } from '../api';

export interface Header {
  run: number;
  seq: number;
  at: string | null;
}

export interface Heartbeat extends Header {
  every_ms: number;
  switches: SwitchHealth[];
}

export type Message =
  | { kind: 'agent'; body: AgentState }
  | { kind: 'queue'; body: QueueState }
  | { kind: 'site'; body: SiteState }
  | { kind: 'figures'; body: Figures }
  | { kind: 'alert'; body: AlertState }
  | { kind: 'heartbeat'; body: Heartbeat };

/** What a subject's messages are, by its words after the prefix. */
export function read(words: string[], body: unknown): Message | null {
  const [first, , third] = words;
  switch (first) {
    case 'agent':
      return third === 'kpi' ? { kind: 'figures', body: body as Figures } : { kind: 'agent', body: body as AgentState };
    case 'queue':
      return third === 'kpi' ? { kind: 'figures', body: body as Figures } : { kind: 'queue', body: body as QueueState };
    case 'site':
      return { kind: 'site', body: body as SiteState };
    case 'alert':
      return { kind: 'alert', body: body as AlertState };
    case 'heartbeat':
      return { kind: 'heartbeat', body: body as Heartbeat };
    default:
      return null;
  }
}
