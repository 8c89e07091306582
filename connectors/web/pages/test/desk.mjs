// What the tests of cards and of supervisors' pages have in common.
import { accessible, check, open, picture, told, until } from './browser.mjs';

export const languages = { en: 'en-GB', zh: 'zh-CN' };
export const themes = ['light', 'dark'];

/** Waits until a page has its answers: nothing is asked any more, and something is there. */
export async function ready(page, what) {
  await until(page, what + ' is there', () => document.querySelector('.desk h1') && !document.querySelector('.desk [aria-busy=true]'));
  await page.waitForTimeout(150);
}

/** Every page in every language and theme: nothing serious, nothing cut off, no text
 *  without a translation. */
export async function everywhere(pages, token) {
  const each = Object.entries(languages).flatMap(([short, lang]) => themes.map((theme) => [short, lang, theme]));
  await Promise.all(each.map((x) => look(pages, token, ...x)));
}

async function look(pages, token, short, lang, theme) {
  const page = await open({ lang, theme, width: 1400, height: 900 });
  await page.goto(`${told.url}/#token=${token}`);
  await page.waitForSelector('header nav a');
  for (const [name, at, prepare] of pages) {
    await page.goto(told.url + at);
    await ready(page, name);
    if (prepare) await prepare(page);
    const what = `${name}, ${short}, ${theme}`;
    const seen = await page.evaluate(() => ({ text: document.body.innerText, wide: document.scrollingElement.scrollWidth > innerWidth, lang: document.documentElement.lang, theme: document.documentElement.dataset.theme }));
    check(seen.lang.startsWith(short) && seen.theme === theme, what, 'is in', seen.lang, seen.theme);
    check(!/\{\w+\}|undefined|NaN|\[object/.test(seen.text), what, 'has a hole:', /.{0,30}(\{\w+\}|undefined|NaN|\[object).{0,30}/.exec(seen.text)?.[0]);
    const runs = await english(page);
    check(short === 'en' ? runs.length > 0 : runs.length === 0, what, 'says in English:', runs.slice(0, 5).join(' | ') || 'nothing');
    check(!seen.wide, what, 'is wider than the screen');
    await accessible(page, what);
    await page.screenshot({ path: `${told.pictures}/${name}-${short}-${theme}.png`, fullPage: true });
  }
  await page.context().close();
}

/** Where three or more English words follow each other in what is shown or read aloud, but
 *  for code and what the site itself calls things. */
export function english(page) {
  return page.evaluate(() => {
    const own = 'code, pre, script, noscript, style, [translate=no]';
    const texts = [];
    const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    for (let n = walk.nextNode(); n; n = walk.nextNode()) if (!n.parentElement.closest(own)) texts.push(n.data);
    for (const e of document.querySelectorAll('body *')) {
      if (!e.closest(own)) texts.push(...['aria-label', 'aria-valuetext', 'title', 'placeholder', 'alt'].map((a) => e.getAttribute(a) ?? ''));
    }
    return texts.flatMap((text) => text.match(/[a-z][a-z’'-]*(?:[\s,;:]+[a-z][a-z’'-]*){2,}/gi) ?? []);
  });
}

/** A page of somebody who has signed in. */
export async function as(token, options) {
  const page = await open({ width: 1400, height: 900, ...options });
  await page.goto(`${told.url}/#token=${token}`);
  await page.waitForSelector('header nav a, main');
  return page;
}

export { picture };
