// What the browser tests have in common: a Chromium, pages that note what goes wrong in
// them, axe, and a word with the test that started this.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';
import { join } from 'node:path';
import { chromium } from 'playwright-core';

/** What the test told: addresses, tokens, folders. */
export const told = JSON.parse(process.argv[2] ?? '{}');

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

const faults = [];
export function fault(...words) {
  faults.push(words.join(' '));
  console.error('fault:', ...words);
}

export function check(ok, ...words) {
  if (!ok) fault(...words);
}

/** Tells a figure that the test looks at. */
export function tell(name, value) {
  console.log(JSON.stringify({ [name]: value }));
}

const answers = createInterface({ input: process.stdin })[Symbol.asyncIterator]();

/** Has the test do something, and waits until it is done. */
export async function ask(what) {
  console.log(JSON.stringify({ ask: what }));
  const { value } = await answers.next();
  return value;
}

let browser;

/** Runs a test in a browser, and ends the process with whether anything was wrong. */
export async function run(test) {
  const args = ['--no-sandbox', '--disable-gpu', '--js-flags=--expose-gc', '--enable-precise-memory-info'];
  if (told.trust) args.push('--ignore-certificate-errors-spki-list=' + told.trust); // nothing else of TLS is let pass
  browser = await chromium.launch({ executablePath: told.chromium, args });
  try {
    await test(browser);
  } catch (e) {
    fault(e.stack ?? String(e));
  }
  await browser.close();
  process.exit(faults.length > 0 ? 1 : 0);
}

/** A page of somebody of their own, which notes what goes wrong in it. */
export async function open({ lang = 'en-GB', theme = 'light', width = 1920, height = 1080 } = {}) {
  const context = await browser.newContext({ viewport: { width, height }, locale: lang, colorScheme: theme, timezoneId: 'UTC' });
  const page = await context.newPage();
  page.setDefaultTimeout(15_000);
  page.away = false; // while the daemon is, errors of the network are none of the page
  page.provoked = /^$/; // errors that a test brings about
  await page.addInitScript(() => {
    document.addEventListener('securitypolicyviolation', (e) => console.error(`policy: ${e.violatedDirective} ${e.blockedURI} ${e.sourceFile}:${e.lineNumber}`));
  });
  page.on('console', (m) => {
    const network = /ERR_CONNECTION|WebSocket|Failed to load resource|ERR_EMPTY|ERR_INCOMPLETE|ERR_NETWORK/.test(m.text());
    if (m.type() === 'error' && !(page.away && network) && !page.provoked.test(m.text())) fault('console:', m.text(), m.location().url);
  });
  page.on('pageerror', (e) => fault('page:', e.stack ?? e.message));
  return page;
}

/** What axe finds that is serious. */
export async function accessible(page, what) {
  await page.evaluate(axe);
  const found = await page.evaluate(async () => (await globalThis.axe.run(document, { resultTypes: ['violations'] })).violations);
  for (const v of found) {
    if (v.impact === 'serious' || v.impact === 'critical') {
      fault(`${what}: axe: ${v.id}: ${v.help}:`, v.nodes.slice(0, 3).map((n) => n.html + ' ' + n.any.map((a) => a.message).join(' ')).join('\n  '));
    }
  }
}

export async function picture(page, name) {
  await page.screenshot({ path: join(told.pictures, name + '.png') });
}

/** Waits until a condition holds in the page. */
export async function until(page, what, f, argument, timeout = 15_000) {
  try {
    await page.waitForFunction(f, argument, { timeout, polling: 50 });
  } catch {
    fault(`not within ${timeout / 1000} s: ${what}`);
  }
}
