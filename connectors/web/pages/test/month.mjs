// A TV runs the wallboard for a month: a day's messages of sixty agents and twelve queues
// come within seconds, and the page's memory does not grow. They are put among what the
// socket brings: the same messages with the next numbers.
import { check, open, run, tell, told, until } from './browser.mjs';

/** Runs in the page before its scripts: a WebSocket that tells what it brings, and into
 *  which something can be put. */
function listening() {
  const text = new TextDecoder();
  const bytes = new TextEncoder();
  const last = new Map(); // by subject: the number of its subscription, and its latest message
  let own = false; // only what is put in is brought
  let rest = '';
  let socket;
  function read(data) {
    rest += text.decode(data);
    for (;;) {
      const end = rest.indexOf('\r\n');
      if (end < 0) return;
      const words = rest.slice(0, end).split(' ');
      let next = end + 2;
      if (words[0] === 'MSG' || words[0] === 'HMSG') {
        next += Number(words.at(-1)) + 2; // our names are ASCII
        if (rest.length < next) return;
        if (words[0] === 'MSG' && /^tally\.v1\.[^.]+\.(agent|queue)\./.test(words[1])) last.set(words[1], { sid: words[2], message: JSON.parse(rest.slice(end + 2, next - 2)) });
      }
      rest = rest.slice(next);
    }
  }
  globalThis.WebSocket = class extends WebSocket {
    constructor(...of) {
      super(...of);
      socket = this;
      this.addEventListener('message', (e) => {
        if (e.put || (own && /^P[IO]NG/.test(text.decode(e.data)))) return;
        if (own) e.stopImmediatePropagation();
        else read(e.data);
      });
    }
  };
  let sent = 0;
  globalThis.month = {
    get sent() {
      return sent;
    },
    get subjects() {
      return last.size;
    },
    begin() {
      own = true;
    },
    /** Some minutes of messages: states every half minute, figures every ten seconds. */
    async minutes(n) {
      for (let i = 0; i < n; i++) {
        for (let k = 0; k < 6; k++) {
          let frames = '';
          for (const [subject, x] of last) {
            if (!subject.endsWith('.kpi') && k % 3 !== 0) continue;
            const m = x.message;
            m.seq++;
            sent++;
            if (m.since) m.since = new Date(Date.now() - (sent % 600) * 1000).toISOString();
            if (m.kpis?.answered !== undefined) m.kpis.answered = sent;
            const body = JSON.stringify(m);
            frames += `MSG ${subject} ${x.sid} ${body.length}\r\n${body}\r\n`;
          }
          const e = new MessageEvent('message', { data: bytes.encode(frames).buffer });
          e.put = true;
          socket.dispatchEvent(e);
          await Promise.resolve(); // the page takes it
        }
        if (i % 10 === 9) await new Promise((done) => setTimeout(done)); // and shows it now and then: painting takes longest
      }
    },
  };
}

await run(async () => {
  const page = await open();
  await page.addInitScript(listening);
  await page.goto(`${told.url}/wallboard?offline=1#token=${told.tokens.wall}`);
  await until(page, 'the wallboard is live', () => document.querySelector('header .link:not(.bad)') && document.querySelectorAll('[data-agent]').length >= 60, null, 30_000);
  const heap = () => page.evaluate(() => (gc(), gc(), performance.memory.usedJSHeapSize));
  await page.waitForTimeout(11_000); // until every agent's figures have come once
  await page.evaluate(() => month.begin());
  const shown = () => page.evaluate(() => document.querySelector('.agents').textContent);
  await page.evaluate(() => month.minutes(60));
  const before = await heap();
  const text = await shown();
  const begun = Date.now();
  await page.evaluate((n) => month.minutes(n), told.minutes);
  const after = await heap();
  check((await shown()) !== text, 'what is put in is not shown');
  tell('month', { ...(await page.evaluate(() => ({ subjects: month.subjects, messages: month.sent }))), ms: Date.now() - begun, before, after });
});
