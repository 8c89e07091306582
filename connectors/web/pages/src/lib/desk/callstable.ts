// A list of calls as a table for a file: all of it, as it is filtered.
import type { Query } from '../api';
import { named, t } from '../i18n/index.svelte';
import { names } from '../names.svelte';
import { all, type Contact } from './calls.svelte';
import type { Cell, Table } from './table';

const seconds = (ms: number): number => Math.round(ms) / 1000;

const row = (c: Contact): Cell[] => [
  { at: c.joined_ms }, { at: c.ended_ms }, c.queue ?? '', c.caller, named('outcome', c.outcome), c.agent ? names.agent(c.agent) : '', c.agent ?? '',
  seconds(c.wait_ms), seconds(c.talk_ms), seconds(c.hold_ms), c.holds, c.offers, c.media?.mos, c.ended_by ? named('ended', c.ended_by) : '',
  c.call_back ? named('back', c.call_back.state) : '', c.call_back?.at_ms ? { at: c.call_back.at_ms } : null, c.call_back?.agent ? names.agent(c.call_back.agent) : '', c.switch, c.id,
];

export async function callsTable(query: Query<'/api/v1/contacts'>, first: string): Promise<Table> {
  const list = await all(query);
  const s = (name: string): string => `${name} (s)`;
  return {
    name: `${t('calls.file')}-${first}`,
    head: [
      t('calls.joined'), t('calls.ended'), t('desk.queue'), t('calls.caller'), t('calls.outcome'), t('desk.name'), t('desk.agent'), s(t('calls.wait')), s(t('calls.talk')), s(t('calls.hold')),
      t('calls.holdTimes'), t('count.offers'), 'MOS', t('calls.endedBy'), t('back.title'), t('back.at'), t('back.by'), t('calls.switch'), t('calls.id'),
    ],
    rows: list.map(row),
  };
}
