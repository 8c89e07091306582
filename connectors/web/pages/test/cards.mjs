// Cards: why a score is what it is, down to the calls; and whose cards one sees.
import { check, run, tell, told, until } from './browser.mjs';
import { as, everywhere, picture, ready } from './desk.mjs';

const unfold = async (page) => {
  for (const b of await page.locator('[data-indicator] button').all()) await b.click();
  await page.waitForTimeout(100);
};

await run(async () => {
  const card = `/cards/${told.agents.me}`;
  const words = (page) => page.locator('summary').click().then(() => page.waitForSelector('[data-rule]'));
  await everywhere([['team', '/team', words], ['card', card, (page) => unfold(page).then(() => words(page))], ['scheme', '/team?scheme=inbound-service', words]], told.tokens.boss);
  await why();
  await whatIf();
  await renewal();
  await history();
  await scheme();
  await own();
  await others();
});

/** Why is my score so? Somebody who has just signed in finds it, and the calls. */
async function why() {
  const page = await as(told.tokens.agent);
  await ready(page, 'the own card');
  check((await page.evaluate(() => location.pathname)) === '/cards', 'an agent does not begin with the own card');
  // What each indicator adds is there at once, and adds up to the score.
  const sum = await page.evaluate(() => {
    const n = (e) => Number(e?.textContent);
    return { score: n(document.querySelector('[data-score]')), parts: [...document.querySelectorAll('[data-indicator] td.adds b')].reduce((a, e) => a + n(e), 0), why: document.querySelector('#why').textContent };
  });
  check(sum.score > 0 && Math.abs(sum.score - sum.parts) < 0.3, 'the parts of the score are', JSON.stringify(sum));
  check(sum.why.includes(String(sum.score)), 'the card does not say why:', sum.why);
  let clicks = 0;
  const first = page.locator('[data-indicator="answers"] button');
  await first.focus();
  await page.keyboard.press('Enter');
  clicks++;
  await page.waitForSelector('#how-answers [data-evidence=calls]');
  await picture(page, 'card-evidence');
  await page.getByRole('button', { name: 'Day by day' }).first().click();
  await until(page, 'the days behind a figure', () => document.querySelector('#how-answers tbody a[href*="/day?day="]'));
  await page.locator('[data-evidence=calls]').first().click();
  clicks++;
  await ready(page, 'the calls behind the card');
  await until(page, 'the calls behind the card', () => document.querySelectorAll('[data-contact]').length > 0);
  check(clicks <= 3, 'from the score to its calls it takes', clicks, 'clicks');
  tell('clicks_to_why', clicks);
  await page.context().close();
}

/** Values and weights of one's own; the daemon reckons. */
async function whatIf() {
  const page = await as(told.tokens.agent);
  await ready(page, 'the own card');
  const slider = page.locator('input[type=range]').first();
  await slider.focus();
  await page.keyboard.press('End');
  await until(page, 'what the score would be', () => /would be \d/.test(document.querySelector('[data-what-if]').textContent));
  const weight = page.locator('input.weight');
  const was = Number(await weight.nth(0).inputValue());
  await weight.nth(0).fill(String(was - 5));
  await weight.nth(0).press('Enter');
  await until(page, 'weights that do not add up are told', () => /add up to/.test(document.querySelector('[data-what-if]').textContent));
  await weight.nth(1).fill(String(Number(await weight.nth(1).inputValue()) + 5));
  await weight.nth(1).press('Enter');
  await until(page, 'what it would be with other weights', () => /would be \d/.test(document.querySelector('[data-what-if]').textContent));
  await picture(page, 'card-what-if');
  await page.getByRole('button', { name: 'Back to how it is' }).click();
  await until(page, 'it is as it was', () => /Nothing is changed/.test(document.querySelector('[data-what-if]').textContent));
  await page.context().close();
}

/** Scores that stand are asked for anew by themselves: what somebody does meanwhile stays,
 *  and where the daemon is away the page says how old they are. */
async function renewal() {
  const page = await as(told.tokens.agent);
  await page.clock.install();
  await page.reload();
  await ready(page, 'the own card');
  await page.locator('[data-indicator="answers"] button').click();
  const slider = page.locator('input[type=range]').nth(1);
  await slider.focus();
  await page.keyboard.press('End');
  await until(page, 'what the score would be', () => /would be \d/.test(document.querySelector('[data-what-if]').textContent));
  const state = () => page.evaluate(() => ({ open: !!document.querySelector('#how-answers'), at: scrollY, focus: document.activeElement.type, value: document.activeElement.value, would: document.querySelector('[data-what-if]').textContent.slice(-30) }));
  const before = await state();
  check(before.focus === 'range' && before.at > 0, 'before it is renewed', JSON.stringify(before));
  const asked = [];
  let away = false;
  await page.route(/api\/v1\/scores\/explain/, async (route) => {
    if (route.request().url().includes('value=')) return route.continue();
    asked.push(route.request().headers()['tally-unattended']);
    if (away) return route.abort();
    const answer = await route.fetch();
    const x = await answer.json();
    return route.fulfill({ response: answer, json: { ...x, card: { ...x.card, score: 12.3 } } });
  });
  await page.clock.fastForward(60_000);
  check(asked.length === 0, 'it is asked for anew within a minute');
  await page.clock.fastForward(40_000);
  await until(page, 'the renewed score', () => document.querySelector('[data-score]').textContent === '12.3');
  check(asked.join() === '1', 'it was asked for anew as', asked.join());
  await until(page, 'what is tried is reckoned from the renewed score', () => /12.3 → would be \d/.test(document.querySelector('[data-what-if]').textContent.replace(/\s+/g, ' ')));
  const after = await state();
  check(after.open && after.focus === 'range' && after.value === before.value && Math.abs(after.at - before.at) < 2, 'what was done did not stay:', JSON.stringify([before, after]));
  await picture(page, 'card-renewed');
  away = page.away = true;
  await page.clock.fastForward(100_000);
  await until(page, 'that it is old', () => document.querySelector('[data-as-of].bad'));
  check((await page.locator('[data-score]').textContent()) === '12.3', 'the score is gone where the daemon is away');
  away = false;
  await page.clock.fastForward(100_000);
  await until(page, 'that it is not old any more', () => document.querySelector('[data-as-of]:not(.bad)'));
  await page.context().close();
}

/** An agent can read all of the scheme, of roles without a card too: it is what the file
 *  says, and so is another of the site's, with seasons and gates. */
async function scheme() {
  const page = await as(told.tokens.agent);
  await ready(page, 'the own card');
  await page.locator('summary').click();
  await page.waitForSelector('[data-rule]');
  const text = async () => (await page.locator('details').innerText()).replace(/\s*–\s*/g, '–').replace(/\s+/g, ' ');
  const says = (of, ...list) => list.forEach((want) => check(of.includes(want), 'the scheme does not say', want));
  const own = await text();
  says(own, 'Role: agent', 'Role: senior agent', 'Role: team lead', 'A from 95, B from 80, C from 60, D from 0', 'at its floor 0, at its target 100, at its stretch 120', 'floor 50%: 0 points; target 95%: 100 points; stretch 100%: 120 points');
  says(own, 'floor 60%: 0 points; target 98%: 100 points', '3 s to 15 s: 100 points; falling to 70 points at 0 s; falling to 0 points at 25 s', 'Minimum to be rated: calls offered 3', 'queues and hours that everybody has', 'Scores of the team', '80%');
  check(own.indexOf('Role: agent') < own.indexOf('Role: senior agent'), 'the own role is not the first');
  await page.getByLabel('Scheme').selectOption('inbound-service');
  await until(page, 'the other scheme', () => document.querySelector('[data-rule=volume]'));
  const other = await text();
  says(other, '15% 1–15 Nov 2026: 25%', '25% 1–15 Nov 2026: 15%', '10% 1–15 Nov 2026: 20%', 'Other weights in 1–15 Nov 2026: Double Eleven: calls first', 'at most 60 if: a critical compliance item failed');
  says(other, '3:00 to 5:00: 100 points; falling to 0 points at 1:00; falling to 0 points at 7:00');
  await page.context().close();
}

/** A period that was sealed is in the history, and its card can be gone to. */
async function history() {
  const page = await as(told.tokens.boss);
  await page.goto(`${told.url}/cards/${told.agents.me}`);
  await ready(page, 'a card');
  await page.locator('table a[href*="cycle="]').first().click();
  await until(page, 'the sealed card', () => /Sealed /.test(document.querySelector('.desk').textContent) && location.search.includes('cycle='));
  await ready(page, 'the sealed card');
  await picture(page, 'card-sealed');
  await page.context().close();
}

/** An agent sees the own day and the own calls, and a name with a point has a page, too. */
async function own() {
  const page = await as(told.tokens.agent);
  await page.getByRole('link', { name: 'My day' }).click();
  await until(page, 'the own day', () => document.querySelector('[data-chosen]'));
  await page.getByRole('link', { name: 'Calls', exact: true }).first().click();
  await until(page, 'the own calls', () => document.querySelectorAll('[data-contact]').length > 0);
  check((await page.evaluate(() => document.querySelectorAll('[data-outcome]:not([data-outcome=answered])').length)) === 0, 'among the own calls are those of nobody');
  page.away = true;
  await page.goto(`${told.url}/cards/nobody@pbx%2Eexample%2Ecom`);
  await until(page, 'the page of a name with points', () => document.querySelector('.desk h1')?.textContent.includes('nobody'));
  await page.context().close();
}

/** An agent gets nothing of others; a wallboard nothing of anybody. */
async function others() {
  const page = await as(told.tokens.agent);
  page.away = true; // that it is refused is an error of the network, too
  const nothing = async (at, what) => {
    await page.goto(told.url + at);
    await until(page, `${what} is refused`, () => document.querySelector('.desk [role=alert]') || /no such page|no card yet/.test(document.querySelector('main')?.textContent ?? ''));
    check(!(await page.evaluate(() => document.querySelector('[data-score], [data-contact], [data-chosen]'))), 'an agent sees', what);
  };
  await nothing(`/cards/${told.agents.other}`, "another's card");
  await nothing(`/agents/${told.agents.other}/day`, "another's day");
  await nothing(`/calls?agent=${told.agents.other}`, "another's calls");
  await nothing('/team', 'the team');
  await nothing('/day', 'the queues');
  await picture(page, 'refused');
  await page.context().close();
  const wall = await as(told.tokens.wall);
  check((await wall.locator('header nav a').count()) === 1, 'a wallboard is offered more than the wallboard');
  for (const at of [`/cards/${told.agents.me}`, '/team', '/calls', '/day', `/agents/${told.agents.me}/day`]) {
    await wall.goto(told.url + at);
    await until(wall, `a wallboard is refused ${at}`, () => /no such page/.test(document.querySelector('main')?.textContent ?? ''));
  }
  await wall.context().close();
}
