// Cards as a table for a file: a row for each, with its points.
import type { Schemas } from '../api';
import { named, t } from '../i18n/index.svelte';
import { names } from '../names.svelte';
import { indicatorName } from './figures';
import type { Cell, Table } from './table';

type Card = Schemas['Card'];

/** What the teams of a card are called: those a lead answers for, or the agent's own. */
export function teamOf(c: Card): string {
  return (c.teams ?? names.teamsOf(c.agent).slice(0, 1)).map((id) => names.teams.find((x) => x.id === id)?.name ?? id).join(t('list.comma'));
}

export function cardsTable(cycle: string, cards: Card[]): Table {
  // Roles have indicators of their own: there is a column for each that anybody has.
  const indicators = new Map(cards.flatMap((c) => c.indicators ?? []).map((i) => [i.id, indicatorName(i)]));
  const row = (c: Card): Cell[] => [
    named('role', c.role), c.rank_tier, names.agent(c.agent), c.agent, teamOf(c), c.score, c.interval?.[0], c.interval?.[1], c.grade ?? '', c.days,
    ...[...indicators.keys()].map((id) => c.indicators?.find((i) => i.id === id)?.points),
  ];
  return {
    name: `${t('team.file')}-${cycle}`,
    head: [
      t('team.role'), t('card.tier'), t('desk.name'), t('desk.agent'), t('desk.team'), t('card.score'), t('team.low'), t('team.high'), t('card.grade'), t('card.daysShort'),
      ...[...indicators.values()].map((name) => `${name} (${t('points.short')})`),
    ],
    rows: cards.map(row),
  };
}
