// What supervisors look at: which calls were lost, what somebody did, how the day goes.
import { readFile } from 'node:fs/promises';
import { strFromU8, unzipSync } from 'fflate';
import { check, run, tell, told, until } from './browser.mjs';
import { as, everywhere, picture, ready } from './desk.mjs';

await run(async () => {
  const openFirst = (css) => async (page) => {
    await page.locator(css).first().click();
    await page.waitForTimeout(100);
  };
  await everywhere(
    [
      ['calls', '/calls?span=week', openFirst('[data-contact] button')],
      ['agent-day', `/agents/${told.agents.me}/day`, openFirst('summary')],
      ['day', '/day', openFirst('[data-figure="sl.offered"] button')],
    ],
    told.tokens.boss,
  );
  await lost();
  await callBacks();
  await filters();
  await someday();
  await theDay();
  await drillDown();
  await teamFile();
});

/** Which calls did we lose this morning? Somebody who has just signed in finds it. */
async function lost() {
  const page = await as(told.tokens.boss);
  await page.getByRole('link', { name: 'Calls', exact: true }).click();
  await ready(page, 'the calls');
  await page.getByRole('link', { name: 'Lost this morning' }).click();
  await ready(page, 'the lost calls');
  await until(page, 'lost calls', () => document.querySelector('[data-found]'));
  const others = await page.evaluate(() => [...document.querySelectorAll('[data-outcome]')].map((e) => e.dataset.outcome).filter((o) => !['abandoned', 'timed_out', 'left_empty'].includes(o)));
  check(others.length === 0, 'among the lost calls there are', others.join());
  check((await page.evaluate(() => location.search)).includes('span=morning'), 'the address does not say which calls');
  tell('clicks_to_lost', 2);
  await page.getByRole('link', { name: 'Lost today' }).click();
  await until(page, 'lost calls of today', () => Number(document.querySelector('[data-found]')?.dataset.found) > 0);
  await picture(page, 'calls-lost');
  await page.context().close();
}

/** Each lost caller has a mark, and those whom nobody has talked to can be listed. */
async function callBacks() {
  const page = await as(told.tokens.boss);
  await page.goto(`${told.url}/calls?outcome=abandoned,timed_out`);
  await until(page, 'marks of lost callers', () => document.querySelector('[data-contact]') && document.querySelectorAll('[data-back]').length === document.querySelectorAll('[data-contact]').length);
  await page.getByRole('link', { name: 'To call back' }).click();
  await until(page, 'who is to be called back', () => location.search.includes('call_back=due') && document.querySelector('[data-found]'));
  const list = await page.evaluate(async () => {
    const answer = await fetch('/api/v1/contacts?call_back=due&order=newest&from=' + encodeURIComponent(new Date(Date.now() - 6 * 86_400_000).toISOString()));
    return { due: (await answer.json()).contacts.map((c) => c.id), shown: [...document.querySelectorAll('[data-contact]')].map((e) => e.dataset.contact), states: [...document.querySelectorAll('[data-back]')].map((e) => e.dataset.back) };
  });
  check(list.states.every((s) => s === 'open' || s === 'tried'), 'among those to call back there are', list.states.join());
  check(list.shown.every((id) => list.due.includes(id)), 'the list has others than the daemon says:', list.shown.join());
  await page.context().close();
}

/** Filters are in the address, and a list can be saved. */
async function filters() {
  const page = await as(told.tokens.boss);
  await page.goto(`${told.url}/calls`);
  await until(page, 'calls', () => document.querySelectorAll('[data-contact]').length > 0);
  await page.getByLabel('What became of it').selectOption('answered');
  await until(page, 'answered calls alone', () => document.querySelector('[data-outcome]') && [...document.querySelectorAll('[data-outcome]')].every((e) => e.dataset.outcome === 'answered'));
  check((await page.evaluate(() => location.search)).includes('outcome=answered'), 'the filter is not in the address');
  await page.getByLabel('Audio worse than').selectOption('2.6');
  await until(page, 'no call was that bad', () => document.querySelector('.desk .note'));
  await page.goto(`${told.url}/calls?outcome=answered`);
  await until(page, 'calls', () => document.querySelectorAll('[data-contact]').length > 0);
  const shown = await page.evaluate(() => document.querySelectorAll('[data-contact]').length);
  const [file] = await Promise.all([page.waitForEvent('download'), page.locator('[data-save=csv]').click()]);
  const text = await readFile(await file.path(), 'utf8');
  const rows = text.trim().split('\r\n');
  check(text.startsWith('\uFEFF') && rows.length - 1 >= shown, `the file has ${rows.length - 1} calls, the list`, shown);
  check(rows[0].split(',').length === rows[1].split(',').length, 'the file has rows of several lengths:', rows[0], rows[1]);
  const [book] = await Promise.all([page.waitForEvent('download'), page.locator('[data-save=xlsx]').click()]);
  const sheet = strFromU8(unzipSync(await readFile(await book.path()))['xl/worksheets/sheet1.xml']);
  const cells = sheet.split('<row ').slice(1);
  check(cells.length >= rows.length && book.suggestedFilename().endsWith('.xlsx'), `the workbook has ${cells.length} rows, the other file`, rows.length);
  // Dates are days since the end of 1899, by the clock of the site.
  const day = (Date.parse(rows[1].split(',')[0].replace(' ', 'T') + 'Z') / 86_400_000 + 25_569).toFixed(5);
  check(sheet.includes(`<v>${day.slice(0, 9)}`), 'no call in the workbook is of', rows[1].split(',')[0]);
  await page.context().close();
}

/** The lanes by keys. */
async function someday() {
  const page = await as(told.tokens.boss);
  await page.goto(`${told.url}/agents/${told.agents.me}/day`);
  await ready(page, "an agent's day");
  const slider = page.locator('input[type=range]');
  const said = () => page.locator('[data-chosen]').textContent();
  const before = await said();
  await slider.focus();
  await page.keyboard.press('ArrowRight');
  check((await said()) !== before, 'the keys do not go to the next state');
  check((await slider.getAttribute('aria-valuetext')) === (await said()).trim(), 'what is chosen is not read aloud');
  await page.getByRole('button', { name: 'Larger' }).click();
  await page.locator('summary').click();
  await until(page, 'the day as a table', () => document.querySelectorAll('details tbody tr').length > 2);
  await page.getByRole('button', { name: 'Day before' }).click();
  await until(page, 'the day before', () => location.search.includes('day='));
  await ready(page, 'the day before');
  await page.context().close();
}

/** From a number to its formula, its counters and its calls: that which is drawn is open. */
async function theDay() {
  const page = await as(told.tokens.boss);
  await page.goto(`${told.url}/day`);
  await ready(page, 'the day');
  await page.getByLabel('Figure').selectOption('abandoned');
  await until(page, 'the chart of another figure', () => document.querySelector('[data-chart=abandoned] canvas') && location.search.includes('figure=abandoned'));
  const points = () => page.locator('[data-chart=abandoned] tbody tr').count();
  const quarters = await points();
  await page.getByLabel('Interval').selectOption('hour');
  await until(page, 'the chart by hour', () => location.search.includes('step=hour') && document.querySelector('[data-chart=abandoned] canvas'));
  await until(page, 'fewer points by hour', (n) => document.querySelectorAll('[data-chart=abandoned] tbody tr').length <= n, quarters);
  const [file] = await Promise.all([page.waitForEvent('download'), page.locator('[data-save=csv]').click()]);
  const rows = (await readFile(await file.path(), 'utf8')).trim().split('\r\n');
  const offered = rows.slice(1).reduce((n, r) => n + Number(r.split(',')[2]), 0);
  check(offered > 0, 'the day that was saved has no callers:', rows.join('; '));
  await until(page, 'the formula', () => document.querySelector('#from-abandoned code')?.textContent === 'B');
  await page.locator('#from-abandoned a').click();
  await until(page, 'the calls behind it', () => location.search.includes('outcome=abandoned') && document.querySelector('[data-outcome=abandoned]'));
  await page.goto(`${told.url}/day`);
  await until(page, 'who is in a state for long', () => document.querySelectorAll('a[href*="/agents/"]').length > 0);
  await page.context().close();
}

/** From a number on the wallboard to its formula, its counters and its calls. */
async function drillDown() {
  const page = await as(told.tokens.boss);
  await page.goto(`${told.url}/wallboard`);
  await page.locator('[data-queue] .counts a').first().click();
  await until(page, 'the queue figure with its formula', () => location.pathname === '/day' && location.search.includes('queue=') && document.querySelector('#from-answered code')?.textContent === 'A');
  await page.goto(`${told.url}/wallboard`);
  await page.locator(`[data-agent="${told.agents.me}"] .figures a`).first().click();
  await until(page, 'the agent figure with its counters', () => location.pathname.endsWith('/day') && document.querySelector('#from-answered li b'));
  await page.locator('[data-figure=missed] button').click();
  await page.locator('#from-missed a').click();
  await until(page, 'calls that rang at the agent', () => location.search.includes('rung=') && document.querySelector('[data-found]'));
  await ready(page, 'calls that rang');
  const rung = await page.evaluate(async (agent) => {
    const list = (await (await fetch('/api/v1/contacts?limit=1000')).json()).contacts;
    return { want: list.filter((c) => c.attempts?.some((a) => a.agent === agent)).map((c) => c.id), shown: [...document.querySelectorAll('[data-contact]')].map((e) => e.dataset.contact) };
  }, told.agents.me);
  check(rung.shown.length > 0 && rung.shown.every((id) => rung.want.includes(id)), 'of calls that rang at the agent there are', rung.shown.join(), 'want of', rung.want.join());
  await page.context().close();
}

/** The team's cards as a file: a row for each. */
async function teamFile() {
  const page = await as(told.tokens.boss);
  await page.goto(`${told.url}/team`);
  await until(page, 'cards of the team', () => document.querySelectorAll('[data-card]').length > 0);
  const [file] = await Promise.all([page.waitForEvent('download'), page.locator('[data-save=csv]').click()]);
  const rows = (await readFile(await file.path(), 'utf8')).trim().split('\r\n');
  const shown = await page.locator('[data-card]').count();
  check(rows.length === shown + 1, `the file has ${rows.length - 1} cards, the page`, shown);
  await page.context().close();
}
