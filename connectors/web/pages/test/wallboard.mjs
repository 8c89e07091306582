// The wallboard of a centre with 60 agents and 12 queues, in both languages and both
// themes; who is signed in; and what ends in mid-view.
import { accessible, ask, check, fault, open, picture, run, tell, told, until } from './browser.mjs';

const languages = { en: 'en-GB', zh: 'zh-CN' };
const themes = ['light', 'dark'];

const tiles = () => (want) => document.querySelectorAll('[data-queue]').length === want.queues && document.querySelectorAll('[data-agent]').length === want.agents;
const all = { queues: 12, agents: 60 };
/** The address of the wallboard of all: queues that nobody was in yet are left out. */
const wall = `/wallboard?offline=1&queues=${told.queues.join()}`;

/** Whether everything can be seen and read: no scrolling, nothing cut off, big figures. */
async function legible(page, what) {
  const seen = await page.evaluate(() => {
    const out = { cut: [], sizes: {} };
    out.scrolls = document.scrollingElement.scrollHeight > innerHeight || document.scrollingElement.scrollWidth > innerWidth;
    for (const tile of document.querySelectorAll('.tile')) {
      const box = tile.getBoundingClientRect();
      if (box.bottom > innerHeight || box.right > innerWidth) out.cut.push('tile ' + tile.textContent.slice(0, 40));
      for (const part of tile.querySelectorAll('b, .clock, .name, h3')) {
        const b = part.getBoundingClientRect();
        if (b.right > box.right + 1 || b.bottom > box.bottom + 1 || b.top < box.top - 1) out.cut.push(part.textContent + ' in ' + tile.textContent.slice(0, 40));
      }
    }
    for (const [name, css] of Object.entries({ waiting: '.waiting b', longest: '.longest b', level: '.level b', clock: '[data-agent] .clock', agent: '[data-agent] .name', state: '[data-agent] .state' })) {
      const size = [...document.querySelectorAll(css)].map((e) => parseFloat(getComputedStyle(e).fontSize));
      out.sizes[name] = Math.round(Math.min(...size));
    }
    return out;
  });
  check(!seen.scrolls, what, 'has to be scrolled');
  check(seen.cut.length === 0, what, 'is cut off:', seen.cut.slice(0, 3).join('; '));
  const least = { waiting: 56, longest: 40, level: 36, clock: 22, agent: 20, state: 16 };
  for (const [name, size] of Object.entries(least)) check(seen.sizes[name] >= size, what, name, 'is', seen.sizes[name], 'px high, want', size);
  return seen.sizes;
}

await run(async () => {
  // Every page in every language and theme.
  for (const [short, lang] of Object.entries(languages)) {
    for (const theme of themes) {
      const page = await open({ lang, theme });
      await page.goto(told.url + '/');
      await page.waitForSelector('form');
      await accessible(page, `signing in, ${short}, ${theme}`);
      await picture(page, `sign-in-${short}-${theme}`);
      await page.goto(told.url + wall + '#token=' + told.tokens.wall);
      await until(page, 'all tiles', tiles(), all);
      await until(page, 'it is live', () => document.querySelector('header .link:not(.bad)'));
      check(!(await page.evaluate(() => location.href)).includes('token'), 'the token stays in the address');
      check((await page.evaluate(() => document.documentElement.lang)).startsWith(short), 'the language is not', short);
      check((await page.evaluate(() => document.documentElement.dataset.theme)) === theme, 'the theme is not', theme);
      await page.waitForTimeout(600);
      await accessible(page, `wallboard, ${short}, ${theme}`);
      const sizes = await legible(page, `wallboard, ${short}, ${theme}`);
      await picture(page, `wallboard-${short}-${theme}`);
      if (short === 'en' && theme === 'light') {
        tell('sizes_px', sizes);
        await page.reload();
        await until(page, 'all tiles again', tiles(), all);
        tell('first_paint_ms', await page.evaluate(() => Math.round(performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? 1e9)));
        await layouts(page);
      }
      await page.context().close();
    }
  }
  await signingIn();
  await scoped();
  await withoutNATS();
  await ending();
});

/** Layouts by address, the editor by keyboard, other sizes. */
async function layouts(page) {
  const two = (await page.evaluate(() => [...document.querySelectorAll('[data-queue]')].slice(0, 2).map((e) => e.dataset.queue))).join(',');
  await page.goto(`${told.url}/wallboard?offline=1&queues=${two}&show=queues&sl=sl.answered&theme=dark&lang=zh`);
  await until(page, 'two queues alone', tiles(), { queues: 2, agents: 0 });
  check((await page.evaluate(() => document.documentElement.dataset.theme + document.documentElement.lang)) === 'darkzh-Hans', 'the address does not choose theme and language');
  check(await page.evaluate(() => document.body.textContent.includes('sl.answered')), 'the address does not choose the formula');
  await picture(page, 'wallboard-two-queues');
  await page.goto(told.url + '/wallboard?offline=1&teams=north');
  await until(page, 'one team', () => document.querySelectorAll('[data-agent]').length === 30);
  await page.goto(told.url + wall);
  await until(page, 'all tiles', tiles(), all);
  const editor = page.locator('footer button').first();
  await editor.focus();
  await page.keyboard.press('Enter');
  await page.waitForSelector('dialog[open]');
  await accessible(page, 'the editor');
  await picture(page, 'wallboard-editor');
  await page.keyboard.press('Tab');
  await page.keyboard.press('Space'); // the first box: queues
  await page.keyboard.press('Escape');
  await until(page, 'the editor is closed', () => !document.querySelector('dialog[open]'));
  check((await page.evaluate(() => location.search)).includes('show='), 'the editor does not write the address');
  await page.goto(told.url + wall);
  await page.setViewportSize({ width: 400, height: 850 });
  await until(page, 'all tiles on a phone', tiles(), all);
  await picture(page, 'wallboard-phone');
}

/** A wrong token, the right one by hand, and out again. */
async function signingIn() {
  const page = await open();
  page.away = true; // that a token is not accepted is an error of the network, too
  await page.goto(told.url + '/?offline=1');
  await page.fill('#token', 'tally_wrong');
  await page.keyboard.press('Enter');
  await until(page, 'a wrong token is refused', () => document.querySelector('[role=alert]')?.textContent);
  await page.fill('#token', told.tokens.boss);
  await page.keyboard.press('Enter');
  await until(page, 'signed in by hand', () => document.querySelectorAll('[data-agent]').length === 30);
  const cookie = (await page.context().cookies())[0];
  check(cookie.httpOnly && cookie.sameSite === 'Strict', 'the cookie is', JSON.stringify(cookie));
  await page.locator('header button').last().click();
  await page.waitForSelector('form');
  check((await page.evaluate(() => fetch('/api/v1/queues').then((r) => r.status))) === 401, 'signed out, and still let in');
  await page.context().close();
}

/** Where NATS is not reached the same comes over HTTP, and the page says so. */
async function withoutNATS() {
  const page = await open();
  await page.goto(told.plain + '/wallboard?offline=1#token=' + told.tokens.plain);
  await until(page, 'tiles without NATS', () => document.querySelectorAll('[data-agent]').length === 20 && document.querySelectorAll('[data-queue]').length > 0);
  await until(page, 'the figures without NATS', () => /calls \d/.test(document.querySelector('[data-agent]').textContent));
  check((await page.textContent('header .link')).includes('without NATS'), 'the page does not say that it does without NATS');
  await page.context().close();
}

/** An agent who is signed in sees nobody else, whatever is asked. */
async function scoped() {
  const page = await open();
  page.away = true;
  await page.goto(told.url + '/#token=' + told.tokens.agent);
  await page.waitForSelector('header');
  const seen = await page.evaluate(async ({ me, other }) => {
    const status = (at, o) => fetch(at, o).then((r) => r.status);
    const agents = await fetch('/api/v1/agents').then((r) => r.json());
    const names = await fetch('/api/v1/names').then((r) => r.json());
    return {
      agents: agents.map((a) => a.agent).join(),
      names: names.agents.map((a) => a.agent).join() + names.queues.length,
      me,
      queues: await status('/api/v1/queues'),
      kpi: await status('/api/v1/kpi?kind=agent&name=' + encodeURIComponent(other)),
      contacts: await status('/api/v1/contacts?agent=' + encodeURIComponent(other)),
      card: await status('/api/v1/scores/explain?agent=' + encodeURIComponent(other)),
      seal: await status('/api/v1/scores/seal', { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: '{"from":"2026-09-01","to":"2026-10-01"}' }),
    };
  }, told.agents);
  const want = { agents: told.agents.me, names: told.agents.me + '0', me: told.agents.me, queues: 403, kpi: 403, contacts: 403, card: 403, seal: 403 };
  for (const [what, x] of Object.entries(want)) check(seen[what] === x, `an agent asks for ${what}: ${seen[what]}, want ${x}`);
  await page.context().close();
}

/** The daemon ends in mid-view and comes back; a switch goes out of sight. */
async function ending() {
  const page = await open();
  await page.goto(told.url + wall + '#token=' + told.tokens.wall);
  await until(page, 'all tiles', tiles(), all);
  await page.evaluate(() => (globalThis.sameDocument = true));
  page.away = true;
  await ask('stop');
  await until(page, 'it says that the connection is lost', () => document.querySelector('header .link.bad') && document.querySelector('.notice.bad'));
  await accessible(page, 'without the daemon');
  await picture(page, 'wallboard-without-daemon');
  const gone = Date.now();
  await ask('start');
  await until(page, 'it comes back by itself', tiles(), all, 30_000);
  await until(page, 'it is live again', () => document.querySelector('header .link:not(.bad)') && !document.querySelector('.board.old'), null, 30_000);
  tell('back_after_ms', Date.now() - gone);
  check(await page.evaluate(() => globalThis.sameDocument === true), 'the page was loaded anew');
  page.away = false;
  await ask('blind');
  await until(page, 'the switch is not seen', () => document.querySelectorAll('[data-queue].unsure').length === 2 && document.querySelector('.notice.bad'));
  check((await page.evaluate(() => [...document.querySelectorAll('.unsure .waiting b')].map((e) => e.textContent).join(''))) === '??', 'what is not seen is shown as a number');
  await accessible(page, 'a switch out of sight');
  await picture(page, 'wallboard-blind');
  if ((await page.evaluate(() => document.querySelectorAll('.unsure .longest').length)) !== 2) fault('a queue does not say since when');
  await page.context().close();
}
