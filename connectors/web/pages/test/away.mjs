// What a wallboard shows while what feeds it is away: that its figures are old, and since
// when, with what it had; and afterwards, by itself, those that are right.
import { ask, check, open, picture, run, tell, told, until } from './browser.mjs';

/** What the tiles say, by the names of what they tell of. */
const tiles = (page) => page.evaluate(() => Object.fromEntries([...document.querySelectorAll('[data-queue], [data-agent]')].map((e) => [e.dataset.queue ?? e.dataset.agent, e.textContent])));

/** Whether the tiles show what the daemon says now. Both change all the time: it is held
 *  against the daemon's answer until they agree. */
async function right(page, what) {
  const wrong = () =>
    page.evaluate(async () => {
      const get = async (at) => (await fetch(at, { signal: AbortSignal.timeout(5000) })).json();
      const figures = async (kind) => Object.fromEntries((await get('/api/v1/kpi?kind=' + kind)).rows.map((r) => [r.name, r.kpis]));
      const [queues, agents, ofQueues] = await Promise.all([get('/api/v1/queues'), get('/api/v1/agents'), figures('queue')]);
      const out = [];
      for (const q of queues) {
        const tile = document.querySelector(`[data-queue="${q.queue}"]`);
        const shown = ['.waiting b', '.counts span:nth-child(1) b', '.counts span:nth-child(2) b'].map((css) => tile?.querySelector(css)?.textContent);
        const want = [q.waiting, ofQueues[q.queue]?.answered ?? 0, ofQueues[q.queue]?.abandoned ?? 0].map(String);
        if (shown.join() !== want.join()) out.push(`${q.queue} shows ${shown}, want ${want}`);
      }
      for (const a of agents) {
        const tile = document.querySelector(`[data-agent="${a.agent}"]`);
        if (tile?.dataset.state !== a.state) out.push(`${a.agent} is shown ${tile?.dataset.state}, want ${a.state}`);
      }
      return queues.length > 0 && agents.length > 0 ? out : ['nothing to compare'];
    });
  let found = [];
  for (const begun = Date.now(); Date.now() - begun < 45_000; await page.waitForTimeout(200)) {
    found = await wrong().catch((e) => [String(e)]); // one of before the network was away may be silent
    if (found.length === 0) return;
  }
  check(false, what, 'is not what the daemon says:', found.join('; '));
}

const isLive = () => document.querySelector('header .link:not(.bad):not(.yet)') && !document.querySelector('.board.old') && document.querySelectorAll('[data-agent]').length > 0;

/** The time that is written after "since" or "at", in seconds of the day. */
async function since(page, css) {
  const [, h, m, s] = /(\d\d):(\d\d):(\d\d)/.exec(await page.textContent(css)) ?? [];
  return h === undefined ? NaN : Number(h) * 3600 + Number(m) * 60 + Number(s);
}
const secondOfDay = () => Math.floor(Date.now() / 1000) % 86_400;

/** Something goes away that the page cannot do without, and comes back. */
async function gone(page, what, longest) {
  await right(page, `the wallboard before the ${what} goes`);
  page.away = true;
  await ask(what + ' away');
  const at = secondOfDay();
  await until(page, `it says that the ${what} is away`, () => document.querySelector('header .link.bad') && document.querySelector('.notice.bad') && document.querySelector('.board.old'), null, 40_000);
  for (const css of ['header .link', '.notice.bad']) {
    // Something is heard every five seconds.
    const ago = (at - (await since(page, css)) + 86_400) % 86_400;
    check(ago <= 7 || ago >= 86_398, `the ${what} went at ${at}, and ${css} says:`, await page.textContent(css));
  }
  const had = await tiles(page);
  check(Object.keys(had).length > 5, 'what was shown is gone:', JSON.stringify(had));
  await picture(page, `wallboard-${told.link}-${what}-away`);
  await page.waitForTimeout(3000); // it is away for as long, and nothing changes
  check(JSON.stringify(await tiles(page)) === JSON.stringify(had), 'what is old changes');
  await ask(what + ' back');
  const back = Date.now();
  await until(page, `it is live again after the ${what} is back`, isLive, null, longest);
  tell(what + '_ms', Date.now() - back);
  page.away = false;
  await right(page, `the wallboard after the ${what} is back`);
}

/** A NATS that the page does not need is away: it stays live, and right. */
async function withoutBus(page) {
  await page.evaluate(() => {
    globalThis.bad = 0;
    new MutationObserver(() => document.querySelector('header .link.bad, .board.old') && globalThis.bad++).observe(document.body, { subtree: true, childList: true, attributes: true });
  });
  await ask('bus away');
  const before = JSON.stringify(await tiles(page));
  await until(page, 'calls go on without NATS', (was) => JSON.stringify(Object.fromEntries([...document.querySelectorAll('[data-agent]')].map((e) => [e.dataset.agent, e.dataset.since]))) !== was, JSON.stringify(await page.evaluate(() => Object.fromEntries([...document.querySelectorAll('[data-agent]')].map((e) => [e.dataset.agent, e.dataset.since])))), 60_000);
  check(JSON.stringify(await tiles(page)) !== before, 'nothing goes on');
  await right(page, 'the wallboard without NATS');
  await ask('bus back');
  await right(page, 'the wallboard with NATS again');
  check((await page.evaluate(() => globalThis.bad)) === 0, 'the page says that its figures are old although they come');
}

await run(async () => {
  const page = await open({ lang: 'en-GB' });
  await page.goto(`${told.url}/wallboard?offline=1#token=${told.tokens.wall}`);
  await until(page, 'it is live', isLive);
  const link = await page.textContent('header .link');
  check(link.includes('without NATS') === (told.link === 'events'), 'the page says that it is', link);
  await page.evaluate(() => (globalThis.sameDocument = true));
  if (told.bus) await withoutBus(page);
  await gone(page, 'daemon', 40_000);
  if (told.silent) await gone(page, 'network', 90_000);
  check(await page.evaluate(() => globalThis.sameDocument === true), 'the page was loaded anew');
  check((await page.textContent('header .link')) === link, 'it comes back as', await page.textContent('header .link'));
});
