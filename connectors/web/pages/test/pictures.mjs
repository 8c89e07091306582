// Every page of a centre whose clock stands, as it is drawn: the test holds the pictures
// against those that are kept.
import { mkdir, writeFile } from 'node:fs/promises';
import { check, open, run, told, until } from './browser.mjs';

const looks = [
  ['en', 'en-GB', 'light'],
  ['zh', 'zh-CN', 'dark'],
];

const desk = () => document.querySelector('.desk h1') && !document.querySelector('.desk [aria-busy=true]');

/** By name: the address, when all of the page is there, and what it says then: names come
 *  by themselves. */
const pages = {
  wallboard: [
    '/wallboard?offline=1',
    () =>
      [...document.querySelectorAll('[data-agent]')].filter((e) => /\d:\d\d$/.test(e.querySelector('.figures').textContent)).length === 7 &&
      [...document.querySelectorAll('[data-queue]')].filter((e) => /%/.test(e.querySelector('.level').textContent) && e.querySelector('.trend rect')).length === 3,
    'Sandström',
  ],
  team: ['/team', desk, 'Okafor'],
  card: ['/cards/bob', desk, 'Okafor'],
  'card-lead': ['/cards/lea', desk, 'North'],
  'card-sealed': ['/cards/dee?cycle=centre-2026-10', desk, 'Sandström'],
  day: ['/day', () => document.querySelector('.desk h1') && !document.querySelector('.desk [aria-busy=true]') && document.querySelector('[data-chart] canvas'), 'Holm'],
  'agent-day': ['/agents/ann/day', desk, 'Ann Lee'],
  calls: ['/calls', desk, 'Okafor'],
  setup: ['/setup', () => document.querySelectorAll('section.panel').length === 4 && document.querySelectorAll('tbody tr').length >= 3, 'support'],
};

/** Keeps a picture of a page once it changes no more. */
async function take(page, name) {
  await page.evaluate(() => document.fonts.ready);
  const height = Math.min(1400, await page.evaluate(() => document.scrollingElement.scrollHeight));
  const shot = () => page.screenshot({ clip: { x: 0, y: 0, width: 1280, height }, fullPage: true, animations: 'disabled', caret: 'hide' });
  let [before, now] = [await shot(), await shot()];
  for (let i = 0; i < 20 && !before.equals(now); i++) [before, now] = [now, await shot()];
  check(before.equals(now), name, 'goes on changing');
  await writeFile(`${told.pictures}/${name}.png`, now);
}

/** Chinese is drawn, and not as so many boxes. */
async function glyphs(page) {
  const drawn = await page.evaluate(() => {
    const c = Object.assign(document.createElement('canvas'), { width: 40, height: 40 }).getContext('2d');
    return [...'座席通话'].map((letter) => {
      c.clearRect(0, 0, 40, 40);
      c.font = '32px ' + getComputedStyle(document.documentElement).fontFamily;
      c.fillText(letter, 2, 34);
      return c.getImageData(0, 0, 40, 40).data.filter((_, i) => i % 4 === 3).join();
    });
  });
  check(new Set(drawn).size === 4 && drawn.every((d) => /[1-9]/.test(d)), 'Chinese is not drawn: the letters look alike');
}

await run(async () => {
  await mkdir(told.pictures, { recursive: true });
  for (const [short, lang, theme] of looks) {
    const page = await open({ lang, theme, width: 1280, height: 900 });
    await page.clock.setFixedTime(new Date(told.now));
    await page.goto(told.url + '/');
    await page.waitForSelector('form');
    await glyphs(page);
    await take(page, `sign-in-${short}`);
    if (short === 'en') {
      // What the comparison is to notice, and what it is not to.
      for (const [name, css] of Object.entries(told.changes)) {
        await page.evaluate((text) => {
          const sheet = new CSSStyleSheet();
          sheet.replaceSync(text);
          document.adoptedStyleSheets = [sheet];
        }, css);
        await take(page, 'sign-in-en-' + name);
      }
    }
    await page.goto(`${told.url}/#token=${told.token}`);
    await page.waitForSelector('header nav a');
    for (const [name, [at, complete, words]] of Object.entries(pages)) {
      await page.goto(told.url + at);
      await until(page, name + ' is there', complete);
      await until(page, name + ' is live', () => document.querySelector('header .link:not(.bad):not(.yet)'));
      await until(page, `${name} says ${words}`, (text) => document.querySelector('main').textContent.includes(text), words);
      await take(page, `${name}-${short}`);
    }
    await page.context().close();
  }
});
