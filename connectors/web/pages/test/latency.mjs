// How long it takes until a text on the wallboard changes. The page notes when each
// agent's tile changed and since when the state is that it shows; the test knows when
// the switch told of it. And whether the page's memory grows.
import { open, run, tell, told, until } from './browser.mjs';

await run(async () => {
  const page = await open();
  await page.goto(told.url + '/wallboard?offline=1#token=' + told.tokens.wall);
  await until(page, 'the wallboard is live', () => document.querySelector('header .link:not(.bad)') && document.querySelectorAll('[data-agent]').length > 0, null, 30_000);
  await page.evaluate(() => {
    globalThis.seen = [];
    new MutationObserver((list) => {
      const now = performance.timeOrigin + performance.now();
      for (const m of list) globalThis.seen.push([m.target.dataset.agent, Date.parse(m.target.dataset.since), now]);
    }).observe(document.querySelector('.agents'), { subtree: true, attributes: true, attributeFilter: ['data-seq'] });
  });
  const heap = () => page.evaluate(() => (gc(), gc(), performance.memory.usedJSHeapSize));
  await page.waitForTimeout(1500);
  const before = await heap();
  await page.waitForTimeout(told.lasts_ms);
  const after = await heap();
  tell('changes', await page.evaluate(() => globalThis.seen));
  tell('heap', { before, after });
});
