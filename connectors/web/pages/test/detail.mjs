// What a centre with weeks of work shows: gates that failed, callers' opinions, calls that
// are left out, a lead, a period that was sealed three times, and a day beside the day and
// the week before. What is shown is held against what the daemon answers, and against what
// the test knows to have happened.
import { check, run, told, until } from './browser.mjs';
import { as, everywhere, picture, ready } from './desk.mjs';

const ask = (page, at) => page.evaluate(async (where) => (await fetch(where)).json(), at);
const text = (page, css) => page.locator(css).first().textContent();
const one = (n) => String(Math.round(n * 10) / 10);

await run(async () => {
  const unfold = (id) => async (page) => {
    await page.locator(`[data-indicator=${id}] button`).click();
    await page.locator(`#how-${id}`).getByRole('button').last().click(); // what others told, or the days
    await until(page, 'the evidence of ' + id, (of) => document.querySelector(`#how-${of} .evidence ~ * li, #how-${of} tbody tr`), id);
    await ready(page, 'what is behind ' + id);
  };
  await everywhere(
    [
      ['detail-gate', '/cards/bob', unfold('csat')],
      ['detail-lead', '/cards/lea', unfold('scores')],
      ['detail-sealed', '/cards/dee?cycle=centre-2026-10'],
      ['detail-few', '/cards/hana'],
      ['detail-day', '/day'],
    ],
    told.tokens.boss,
  );
  await capped();
  await lead();
  await revisions();
  await compared();
});

/** A failed gate: what the parts come to, what the score is, and why; and what is left out. */
async function capped() {
  const page = await as(told.tokens.bob);
  await ready(page, 'the own card');
  const x = await ask(page, '/api/v1/scores/explain?agent=bob');
  check(x.card.gates[0].failed && x.card.before_gates > 60 && x.card.score === 60, 'no gate failed:', JSON.stringify(x.card));
  check((await text(page, '[data-score]')) === '60', 'the score is shown as', await text(page, '[data-score]'));
  const feet = await page.locator('tfoot tr').allTextContents();
  check(feet.length === 2 && feet[0].includes(one(x.card.before_gates)) && feet[1].includes('a critical compliance item failed') && /60\s*$/.test(feet[1]), 'the table ends with', feet.join(' | '));
  const parts = (await page.locator('[data-indicator] td.adds b').allTextContents()).reduce((sum, n) => sum + Number(n), 0);
  check(Math.abs(parts - x.card.before_gates) < 0.3, 'the parts add up to', parts, 'and not to', x.card.before_gates);
  check((await page.locator('p[data-capped]').textContent()).includes('stays 60'), 'what would raise the score does not say that the gate holds it');
  check((await text(page, '.desk')).includes('failed: the score is at most 60'), 'the gate does not say that it failed');
  // What is left out, in words, and the calls themselves.
  const known = told.known.bob;
  check(x.card.bad_media === known.bad_media, 'calls that are left out:', x.card.bad_media, 'and there were', known.bad_media);
  check((await text(page, '.desk')).includes(`${known.bad_media} calls with bad audio are in no figure`), 'the card does not say how many calls are left out');
  check((await text(page, '.desk')).includes(`${x.card.bad_media_surveys} surveys about such calls are left out, too`) && x.card.bad_media_surveys > 0, 'the card does not say how many surveys are left out');
  // The surveys that count are those that the test told of.
  const csat = x.card.indicators.find((i) => i.id === 'csat');
  check(csat.n === known.surveys, 'surveys that count:', csat.n, 'and told were', known.surveys);
  await page.locator('[data-indicator=csat] button').click();
  await page.getByRole('button', { name: 'What others told' }).click();
  // Those that are left out were told, too.
  await until(page, 'the surveys', (n) => document.querySelectorAll('#how-csat .evidence ~ * li').length === n, known.surveys + x.card.bad_media_surveys);
  await picture(page, 'detail-surveys');
  await page.getByRole('link', { name: 'Show these calls' }).click();
  await until(page, 'the calls that are left out', (n) => Number(document.querySelector('[data-found]')?.dataset.found) === n, known.bad_media);
  const audio = await page.evaluate(() => [...document.querySelectorAll('[data-contact] td:last-child')].map((e) => Number(e.textContent)));
  check(audio.length === known.bad_media && audio.every((a) => a > 0 && a < 3.1), 'among the calls that are left out is good audio:', audio.join());
  await picture(page, 'detail-left-out');
  await page.context().close();
}

/** A lead's card: the team's scores, and people's opinion. */
async function lead() {
  const page = await as(told.tokens.boss);
  await page.goto(told.url + '/cards/lea');
  await ready(page, "a lead's card");
  const x = await ask(page, '/api/v1/scores/explain?agent=lea');
  check(x.card.members === 4 && x.card.teams.join() === 'north', 'the lead leads', JSON.stringify(x.card.teams), x.card.members);
  check((await text(page, '[data-score]')) === one(x.card.score), "a lead's score is shown as", await text(page, '[data-score]'), 'and is', x.card.score);
  const shown = await text(page, '.desk');
  check(shown.includes('North') && /\b4\b/.test(shown), 'the card does not say what the lead leads');
  const list = await ask(page, '/api/v1/scores');
  const team = list.cards.filter((c) => ['ann', 'bob', 'cho', 'dee'].includes(c.agent));
  const mean = team.reduce((sum, c) => sum + c.score * c.days, 0) / team.reduce((sum, c) => sum + c.days, 0);
  const scores = x.card.indicators.find((i) => i.id === 'scores');
  check(Math.abs(scores.raw - mean) < 0.05, "the team's score is", scores.raw, 'and its members have', mean);
  check(x.card.indicators.every((i) => i.rated), 'not all is rated:', JSON.stringify(x.card.indicators));
  await page.context().close();
}

/** Each revision of a sealed period shows what it was: the last one has a gate. */
async function revisions() {
  const page = await as(told.tokens.boss);
  const seen = [];
  for (const revision of [0, 1, 2]) {
    await page.goto(`${told.url}/cards/dee?cycle=centre-2026-10&revision=${revision}`);
    await ready(page, 'revision ' + revision);
    const { cards, sealed } = await ask(page, `/api/v1/scores?cycle=centre-2026-10&revision=${revision}&agent=dee`);
    check(sealed.revision === revision, 'revision', revision, 'is', sealed.revision);
    const score = await text(page, '[data-score]');
    check(score === one(cards[0].score), `revision ${revision} shows`, score, 'and is', cards[0].score);
    const picked = await page.locator('select').first().evaluate((e) => e.selectedOptions[0].textContent);
    check(picked.includes('centre-2026-10') && (revision === 0 || picked.includes(`revision ${revision}`)), 'the period says', picked, 'for revision', revision);
    check((await page.locator('b[data-capped]').count()) === (revision === 2 ? 1 : 0), 'revision', revision, 'has the wrong gate');
    seen.push(score);
  }
  check(seen[2] === '60' && Number(seen[0]) > 60 && seen[0] !== seen[1], 'the revisions are', seen.join());
  await page.context().close();
}

/** The day beside the day and the week before, up to the same time. */
async function compared() {
  const page = await as(told.tokens.boss);
  await page.goto(told.url + '/day');
  await ready(page, 'the day');
  await until(page, 'the chart', () => document.querySelector('[data-chart] canvas'));
  const want = [];
  for (const ago of [0, 1, 7]) {
    const to = told.now - ago * 86_400_000;
    const from = to - ((to + 8 * 3_600_000) % 86_400_000);
    const at = (ms) => encodeURIComponent(new Date(ms).toISOString());
    want.push((await ask(page, `/api/v1/kpi?kind=site&from=${at(from)}&to=${at(to)}`)).rows[0].kpis);
  }
  for (const figure of ['offered', 'answered', 'abandoned']) {
    const cells = await page.locator(`[data-figure=${figure}] td`).allTextContents();
    const shown = [cells[0], cells[1], cells[3]].map((c) => c.trim());
    check(shown.join() === want.map((w) => String(w[figure])).join(), figure, 'is shown as', shown.join(), 'and is', want.map((w) => w[figure]).join());
  }
  check(new Set(want.map((w) => w.offered)).size > 1 && want.every((w) => w.offered > 5), 'the days are alike, or empty');
  // Three lines, each in its colour.
  const drawn = await page.evaluate(() => {
    const canvas = document.querySelector('[data-chart] canvas');
    const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
    const probe = document.body.appendChild(document.createElement('i'));
    return ['--accent', '--state-paused', '--soft'].map((name) => {
      probe.style.color = `var(${name})`;
      const [r, g, b] = getComputedStyle(probe).color.match(/\d+/g).map(Number);
      let n = 0;
      for (let i = 0; i < data.length; i += 4) if (data[i + 3] > 200 && Math.abs(data[i] - r) + Math.abs(data[i + 1] - g) + Math.abs(data[i + 2] - b) < 24) n++;
      return n;
    });
  });
  check(drawn.every((n) => n > 20), 'of the lines are drawn so many pixels:', drawn.join());
  await page.context().close();
}
