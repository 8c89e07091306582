// The pages with a certificate: everything over TLS, and a cookie that is kept for it.
import { check, open, picture, run, told, until } from './browser.mjs';

await run(async () => {
  const page = await open();
  const asked = [];
  const sockets = [];
  page.on('request', (r) => asked.push(r.url()));
  page.on('websocket', (w) => {
    const seen = { url: w.url(), frames: 0 };
    sockets.push(seen);
    w.on('framereceived', () => seen.frames++);
  });
  const [answer] = await Promise.all([page.waitForResponse((r) => r.url().endsWith('/wallboard?offline=1')), page.goto(`${told.url}/wallboard?offline=1#token=${told.tokens.wall}`)]);
  await until(page, 'it is live', () => document.querySelector('header .link:not(.bad):not(.yet)') && document.querySelectorAll('[data-agent]').length > 0);
  const security = await answer.securityDetails();
  check(/^TLS 1\.[23]$/.test(security?.protocol ?? ''), 'the page came over', JSON.stringify(security));
  check(/default-src 'none'|default-src 'self'/.test(answer.headers()['content-security-policy'] ?? ''), 'the policy is', answer.headers()['content-security-policy']);
  const host = new URL(told.url).host;
  check(sockets.length === 1 && sockets[0].url === `wss://${host}/nats` && sockets[0].frames > 2, 'what is live comes over', JSON.stringify(sockets));
  check((await page.textContent('header .link')).trim() === 'live', 'the page says that it is', await page.textContent('header .link'));
  const [cookie, ...more] = await page.context().cookies();
  check(more.length === 0 && cookie.name === '__Host-tally' && cookie.secure && cookie.httpOnly && cookie.sameSite === 'Strict' && cookie.path === '/' && cookie.domain === '127.0.0.1', 'the cookie is', JSON.stringify(cookie));
  const was = await page.textContent('.agents');
  await until(page, 'calls go on', (text) => document.querySelector('.agents').textContent !== text, was, 30_000);
  await page.reload();
  await until(page, 'still signed in', () => document.querySelectorAll('[data-agent]').length > 0);
  await picture(page, 'wallboard-tls');
  await page.context().close();

  // Every page of somebody who may see all: what breaks the policy, or is mixed, is told in
  // the console, which open() listens to.
  const boss = await open();
  boss.on('request', (r) => asked.push(r.url()));
  await boss.goto(`${told.url}/#token=${told.tokens.boss}`);
  await boss.waitForSelector('header nav a');
  for (const at of await boss.evaluate(() => [...document.querySelectorAll('header nav a')].map((a) => a.getAttribute('href')))) {
    await boss.goto(told.url + at);
    await until(boss, `${at} is there`, () => document.querySelector('main h1, main h2') && !document.querySelector('[aria-busy=true]'));
    check(await boss.evaluate(() => isSecureContext), at, 'is no secure context');
  }
  const elsewhere = asked.filter((url) => !url.startsWith(told.url + '/') && !/^(data|blob):/.test(url));
  check(elsewhere.length === 0, 'something is asked elsewhere, or in the clear:', elsewhere.join(' '));
  // The policy is in force, and not only sent.
  boss.provoked = /inline/;
  const kept = await boss.evaluate(() => new Promise((done) => {
    document.addEventListener('securitypolicyviolation', (e) => done(e.violatedDirective), { once: true });
    const s = document.createElement('script');
    s.textContent = 'globalThis.ran = true';
    document.body.append(s);
    setTimeout(() => done(globalThis.ran ? 'it ran' : 'nothing'), 2000);
  }));
  check(kept.startsWith('script-src'), 'a script in line:', kept);
  // Signed out, the cookie is gone.
  await boss.locator('header button').last().click();
  await boss.waitForSelector('form');
  check((await boss.context().cookies()).length === 0, 'signed out, and the cookie stays');
});
