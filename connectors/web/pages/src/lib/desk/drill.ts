// From a figure down to what it is formed of: its counters, and the calls behind it.
import { lostOutcomes } from './callsquery';
import type { Day } from './days';
import { callsAt } from './places';

/** Whose figures. */
export interface Of {
  kind: 'site' | 'queue' | 'agent';
  name: string;
}

/** The figures of a day of queues and of agents, in the order in which they are shown. */
export const queueFigures = ['offered', 'answered', 'abandoned', 'sl.offered', 'abandon_rate', 'answer_rate', 'asa', 'max_wait', 'aht', 'att', 'avg_hold', 'acw'];
export const agentFigures = ['answered', 'missed', 'rejected', 'answer_rate.agent_net', 'aht', 'att', 'avg_hold', 'acw', 'hung_up_first', 'transfer_rate', 'occupancy', 'answered_per_hour'];

const handled = ['ended_by_agent', 'ended_by_caller', 'blind_transfers', 'attended_transfers'];
const onQueue = ['ringing_ms', 'talking_ms', 'holding_ms', 'wrapping_up_ms', 'available_ms'];

/** What each is formed of. */
const formed: Record<string, string[]> = {
  offered: ['offered'],
  answered: ['answered'],
  abandoned: ['abandoned', 'short_abandoned'],
  missed: ['missed'],
  rejected: ['rejected'],
  'sl.offered': ['answered', 'abandoned'],
  abandon_rate: ['abandoned', 'offered'],
  answer_rate: ['answered', 'offered'],
  'answer_rate.agent_net': ['answered', 'offers', 'cancelled', 'caller_gone'],
  asa: ['wait_answered_ms', 'answered'],
  max_wait: ['max_wait_ms'],
  aht: ['talk_ms', 'hold_ms', 'wrapup_ms', 'wrapping_up_ms', ...handled],
  att: ['talk_ms', 'hold_ms', ...handled],
  avg_hold: ['hold_ms', ...handled],
  acw: ['wrapup_ms', 'wrapping_up_ms', ...handled],
  hung_up_first: ['ended_by_agent', ...handled.slice(1)],
  transfer_rate: ['blind_transfers', 'attended_transfers', ...handled.slice(0, 2)],
  occupancy: onQueue,
  answered_per_hour: ['answered', 'logged_in_ms'],
};

export function countersOf(id: string, among: Record<string, number>): string[] {
  return (formed[id] ?? []).filter((c) => c in among);
}

// Offers are of calls that others may have answered, and states are not of calls.
const offers = new Set(['missed', 'rejected', 'answer_rate.agent_net']);
const outcomes: Record<string, string> = {
  answered: 'answered', asa: 'answered', aht: 'answered', att: 'answered', avg_hold: 'answered', acw: 'answered', hung_up_first: 'answered', transfer_rate: 'answered', answered_per_hour: 'answered',
  abandoned: 'abandoned', abandon_rate: lostOutcomes.join(','), 'sl.offered': 'answered,abandoned',
};

/** Where the calls behind a figure are; '' where there are none. */
export function callsBehind(of: Of, id: string, day: Day): string {
  const days = { first: day, last: day };
  if (of.kind !== 'agent') return callsAt({ ...days, queue: of.name, outcome: outcomes[id] });
  if (offers.has(id)) return callsAt({ ...days, rung: of.name });
  return id === 'occupancy' ? '' : callsAt({ ...days, agent: of.name, outcome: outcomes[id] });
}
