// The set-up page: a switch that answers, one that does not, a roster with faults and
// without, and the queues' targets; in both languages and both themes.
import { accessible, check, open, picture, run, told, until } from './browser.mjs';
import { english } from './desk.mjs';

await run(async () => {
  for (const [short, lang] of Object.entries({ en: 'en-GB', zh: 'zh-CN' })) {
    for (const theme of ['light', 'dark']) {
      const page = await open({ lang, theme, width: 1280, height: 900 });
      await page.goto(`${told.url}/setup#token=${told.tokens.root}`);
      await until(page, 'the steps', () => document.querySelectorAll('section.panel').length === 4);
      if (short === 'en' && theme === 'light') await steps(page);
      const runs = await english(page);
      check(short === 'en' ? runs.length > 0 : runs.length === 0, `set-up, ${short}, says in English:`, runs.slice(0, 5).join(' | ') || 'nothing');
      await accessible(page, `set-up, ${short}, ${theme}`);
      await picture(page, `setup-${short}-${theme}`);
      await page.context().close();
    }
  }
  // Nobody else gets there, or is led there.
  const page = await open();
  page.away = true; // that it is refused is an error of the network, too
  await page.goto(`${told.url}/setup?offline=1#token=${told.tokens.boss}`);
  await until(page, 'signed in', () => document.querySelector('header nav'));
  check((await page.locator('section.panel').count()) === 0, 'a supervisor sees the set-up page');
  check((await page.locator('nav a[href="/setup"]').count()) === 0, 'a supervisor is led to the set-up page');
  const status = await page.evaluate(() =>
    fetch('/api/v1/setup/roster', { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: '{"text":"x"}' }).then((r) => r.status),
  );
  check(status === 403, 'a supervisor who tries a roster gets', status);
});

async function steps(page) {
  const part = (id) => page.locator(`section[aria-labelledby=${id}]`);
  const one = part('setup-switch');
  await one.locator('input[type=password]').fill('ClueCon');
  await one.locator('input').nth(1).fill('127.0.0.1:1');
  await one.locator('button[type=submit]').click();
  await until(page, 'it is refused', () => /connection refused/.test(document.querySelector('section[aria-labelledby=setup-switch] .outcome')?.textContent ?? ''));
  await one.locator('input').nth(1).fill(told.address);
  await one.locator('button[type=submit]').click();
  await until(page, 'it is connected', () => document.querySelectorAll('section[aria-labelledby=setup-switch] .seen li').length > 10);

  const two = part('setup-roster');
  await two.locator('textarea').fill('id,name,from\nann,Ann,2026-13-01\n');
  await two.locator('button[type=submit]').click();
  await until(page, 'a fault with its line', () => /2026-13-01/.test(document.querySelector('section[aria-labelledby=setup-roster] .outcome li')?.textContent ?? ''));
  await two.locator('.outcome li button').click();
  const chosen = await page.evaluate(() => {
    const a = document.querySelector('textarea');
    return document.activeElement === a && a.value.slice(a.selectionStart, a.selectionEnd);
  });
  check(chosen === 'ann,Ann,2026-13-01', 'the line that is wrong is not shown, but', chosen);
  await two.locator('textarea').fill('id,name,team\nann,Ann,north\n');
  await two.locator('button[type=submit]').click();
  await until(page, 'a sound roster', () => /1 added, 0 changed, 0 gone/.test(document.querySelector('section[aria-labelledby=setup-roster] .outcome')?.textContent ?? ''));
  await picture(page, 'setup-roster');
  await two.locator('.outcome button.primary').click();
  await until(page, 'the roster in force', () => /It is in force/.test(document.querySelector('section[aria-labelledby=setup-roster] .outcome')?.textContent ?? ''));

  const three = part('setup-targets');
  await until(page, 'the queues', () => document.querySelectorAll('section[aria-labelledby=setup-targets] tbody tr').length > 0);
  const queue = await three.locator('tbody th').first().textContent();
  await three.locator('tbody input').nth(1).fill('92.5');
  await three.locator('tbody input').nth(1).blur();
  const [written, typed] = await part('setup-result').locator('pre').allTextContents();
  check(written.startsWith('switches:\n') && written.includes(told.address) && written.includes(`queues:\n  "${queue}": {service_level: `) && written.includes('target: 92.5%'), 'what to write down is', written);
  check(!written.includes('ClueCon') && typed.includes('> /etc/tallyd/pbx1.password'), 'what to type is', typed);
  await picture(page, 'setup-done');
}
