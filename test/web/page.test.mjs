// What a person does with the page, in a real browser. Each check has a name; the first that fails ends the test.

import { execFileSync, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import { chromium } from 'playwright-core';

const { CARACAL, WORK, BROWSER_BIN, SHOTS } = process.env;
const started = [];
const began = Date.now();
const ok = (what) => console.log(`ok ${((Date.now() - began) / 1000).toFixed(1).padStart(5)} s  ${what}`);
const check = (yes, what) => { if (!yes) throw new Error('not ok: ' + what); ok(what); };
const cc = (name, ...args) => execFileSync(CARACAL, [...args, '--home', `${WORK}/${name}`], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
const pause = (ms) => new Promise((r) => setTimeout(r, ms));

async function until(what, yes, seconds = 60) {
  for (const end = Date.now() + seconds * 1000; Date.now() < end; await pause(60)) {
    const got = await yes();
    if (got) { ok(what); return got; }
  }
  throw new Error('not ok: ' + what);
}

// up starts a node that knows the given ones only, and gives its port.
function up(name, peers = [], ...more) {
  cc(name, 'up', '-q', '--name', name, '--listen', '127.0.0.1:0', '--interface', 'none*', ...peers.flatMap((p) => ['--peer', '127.0.0.1:' + p]), ...more);
  started.push(name);
  return JSON.parse(cc(name, 'status', '--json')).self.port;
}

// web starts the page of a node and gives its address.
async function web(name, ...more) {
  const p = spawn(CARACAL, ['web', '--json', '--listen', '127.0.0.1:0', '--home', `${WORK}/${name}`, ...more], { stdio: ['ignore', 'pipe', 'inherit'] });
  started.push(p);
  return JSON.parse(await new Promise((r) => p.stdout.once('data', (d) => r(String(d))))).address;
}

const hash = (file) => createHash('sha256').update(readFileSync(file)).digest('hex');
const labels = (page) => page.evaluate(() => caracal.drawn().map((n) => n.label).sort().join(' '));

// place is where a node is drawn, once the picture stands still.
async function place(page, label) {
  for (let last = ''; ; await pause(300)) {
    const at = await page.evaluate((label) => caracal.drawn().find((n) => n.label === label).at, label);
    if (JSON.stringify(at) === last) return at;
    last = JSON.stringify(at);
  }
}

async function shot(page, name) {
  if (!SHOTS) return;
  mkdirSync(SHOTS, { recursive: true });
  await page.screenshot({ path: `${SHOTS}/${name}.png`, fullPage: true });
}

// watched is a page that fails the test for whatever the console complains of.
async function watched(browser, options = {}) {
  const context = await browser.newContext({ viewport: { width: 1440, height: 1000 }, ...options });
  const page = await context.newPage();
  page.complaints = [];
  page.on('console', (m) => { if (['error', 'warning'].includes(m.type()) && !/status of 4\d\d/.test(m.text())) page.complaints.push(m.text()); });
  page.on('pageerror', (e) => page.complaints.push(String(e)));
  await page.addInitScript(() => {
    globalThis.violations = [];
    document.addEventListener('securitypolicyviolation', (e) => violations.push(`${e.violatedDirective} ${e.blockedURI} ${e.sourceFile}:${e.lineNumber}`));
  });
  return page;
}

async function test(browser) {
  const r = up('relay'), a = up('laptop', [r]);
  up('kitchen', [r]);
  const address = await web('laptop');
  const page = await watched(browser);
  await page.goto(address);
  await until('the topology shows who is there, also behind others', async () => (await labels(page)) === 'kitchen laptop relay');
  check(!page.url().includes('t='), 'the key does not stay in the address');

  up('tower', [a]);
  await until('a peer that appears is drawn', async () => (await labels(page)) === 'kitchen laptop relay tower');
  check(await page.locator('#peer-list').getByText('tower').count() === 1, 'and is in the list');
  await until('an event tells of it', () => page.locator('#event-list').getByText('tower is there, 1 hop').count());
  cc('tower', 'down');
  await until('a peer that leaves is shown as such', async () => page.evaluate(() => {
    const t = caracal.drawn().find((n) => n.label === 'tower');
    return !t || t.classes.includes('unreachable');
  }));

  await files(page);
  await inbox(page);
  await moving(page);
  await shares(page);
  await why(page);
  await shot(page, 'desktop-light');
  await keyboard(browser, address);
  await phone(browser, address);
  await intruders(browser, address);
  const violations = await page.evaluate(() => violations);
  check(violations.length === 0, 'the policy of the page is not violated ' + violations.join('; '));
  check(page.complaints.length === 0, 'the console does not complain ' + page.complaints.join('; '));
}

// drop drops files at a place of an element.
async function drop(page, selector, list, at) {
  const data = await page.evaluateHandle((list) => {
    const d = new DataTransfer();
    for (const f of list) d.items.add(new File([f.text.repeat(f.times)], f.name));
    return d;
  }, list);
  const box = await page.locator(selector).first().boundingBox();
  const where = at ? { clientX: box.x + at.x, clientY: box.y + at.y } : { clientX: box.x + box.width / 2, clientY: box.y + box.height / 2 };
  for (const kind of ['dragenter', 'dragover', 'drop']) await page.locator(selector).first().dispatchEvent(kind, { dataTransfer: data, ...where });
}

async function files(page) {
  cc('kitchen', 'name', 'laptop', 'laptop'); // whose files are then taken
  await drop(page, '#graph', [{ name: 'grüße ✓.txt', text: 'hello ', times: 100000 }], await place(page, 'kitchen'));
  const there = `${WORK}/kitchen/files/grüße ✓.txt`;
  await until('a file dropped on a node of the picture arrives', () => existsSync(there));
  check(readFileSync(there, 'utf8') === 'hello '.repeat(100000), 'as it was');
  await until('it is said', () => page.locator('.toast').getByText('has arrived at kitchen').count());
  await drop(page, '#peer-list li:has-text("kitchen")', [{ name: 'one', text: '1', times: 10 }, { name: 'two', text: '2', times: 20 }]);
  await until('files dropped on a line of the list arrive', () => existsSync(`${WORK}/kitchen/files/one`) && existsSync(`${WORK}/kitchen/files/two`));
  writeFileSync(`${WORK}/picked.bin`, Buffer.alloc(3e6, 'x'));
  const chooser = page.waitForEvent('filechooser');
  await page.getByRole('button', { name: 'Send files to kitchen' }).click();
  await (await chooser).setFiles(`${WORK}/picked.bin`);
  await until('a file that is picked arrives', () => existsSync(`${WORK}/kitchen/files/picked.bin`) && hash(`${WORK}/kitchen/files/picked.bin`) === hash(`${WORK}/picked.bin`));
  await until('nothing is left of it here', () => !existsSync(`${WORK}/laptop/outbox`) || execFileSync('find', [`${WORK}/laptop/outbox`, '-type', 'f'], { encoding: 'utf8' }) === '');
  await drop(page, '#graph', [{ name: 'lost', text: 'x', times: 1 }], { x: 3, y: 3 });
  await until('a drop beside everybody is told', () => page.locator('.toast').getByText('Drop files on a peer').count());
}

async function inbox(page) {
  const offer = (file, text) => {
    writeFileSync(`${WORK}/${file}`, text);
    started.push(spawn(CARACAL, ['send', `${WORK}/${file}`, 'laptop', '-q', '--home', `${WORK}/kitchen`], { stdio: 'ignore' }));
  };
  offer('letter.txt', 'dear laptop');
  await until('an offer shows', () => page.locator('#waiting').getByText('letter.txt').count());
  await page.getByRole('button', { name: 'Accept letter.txt from kitchen' }).click();
  await until('one that is accepted arrives', () => existsSync(`${WORK}/laptop/files/letter.txt`));
  await until('and is shown so', () => page.locator('#recent li:has-text("letter.txt")').getByText('arrived').count());
  offer('<img src=x onerror=alert(1)>', 'evil');
  const evil = page.locator('#waiting li');
  await until('a hostile name is only text', async () => (await evil.count()) === 1 && (await evil.locator('b').textContent()).startsWith('<img'));
  check(await page.locator('#waiting img').count() === 0, 'and no markup');
  await page.getByRole('button', { name: 'Reject' }).click();
  await until('one that is rejected does not arrive', async () => (await evil.count()) === 0 && !existsSync(`${WORK}/laptop/files/<img src=x onerror=alert(1)>`));
}

async function moving(page) {
  execFileSync('truncate', ['-s', '4G', `${WORK}/film.bin`]);
  started.push(spawn(CARACAL, ['send', `${WORK}/film.bin`, 'laptop', '-q', '--home', `${WORK}/kitchen`], { stdio: 'ignore' }));
  await page.getByRole('button', { name: 'Accept film.bin from kitchen' }).click();
  const row = page.locator('#moving li:has-text("film.bin")');
  const tells = () => row.locator('small').textContent({ timeout: 5000 });
  await until('the progress of what comes in is shown', async () => (await row.count()) === 1 && /^from kitchen · \d+ % of 4.3 GB/.test(await tells()));
  await row.getByRole('button', { name: 'Pause film.bin' }).click();
  await until('it is paused by a click', async () => (await tells()).startsWith('paused, from kitchen'));
  let stood = '';
  await until('and stands still', async () => { // when what was on its way has come
    stood = await tells();
    await pause(2000);
    return await tells() === stood && !stood.includes('/s');
  });
  await shot(page, 'desktop-moving');
  if (SHOTS) {
    const size = page.viewportSize();
    await page.setViewportSize({ width: 360, height: 740 });
    await pause(500);
    await shot(page, 'phone-moving');
    await page.setViewportSize(size);
  }
  await row.getByRole('button', { name: 'Go on with film.bin' }).click();
  await until('it goes on by a click', async () => { const now = await tells(); return now !== stood && now.startsWith('from kitchen'); });
  await row.getByRole('button', { name: 'Pause film.bin' }).click();
  await until('it is paused once more', async () => (await tells()).startsWith('paused, from kitchen'));
  await row.getByRole('button', { name: 'Cancel film.bin' }).click();
  await pause(1200);
  check(await row.count() === 1, 'one click does not cancel');
  await row.getByRole('button', { name: 'Cancel film.bin: sure?' }).click();
  await until('two clicks do', async () => (await row.count()) === 0);
  check(!existsSync(`${WORK}/laptop/files/film.bin`), 'nothing of it is there');
}

async function shares(page) {
  writeFileSync(`${WORK}/map.txt`, 'here');
  cc('laptop', 'share', `${WORK}/map.txt`, '--max', '5');
  const mine = page.locator('#shared li:has-text("map.txt")');
  await until('what is shared is listed', async () => (await mine.count()) === 1 && (await mine.locator('small').textContent()).includes('5 downloads left'));
  check(!(await page.content()).includes('CARACAL:'), 'without its ticket');
  await mine.getByRole('button', { name: 'Share map.txt no more' }).click();
  await mine.getByRole('button', { name: 'Share map.txt no more: sure?' }).click();
  await until('a share can be ended', async () => (await mine.count()) === 0);

  writeFileSync(`${WORK}/recipe.txt`, 'salt');
  cc('kitchen', 'share', `${WORK}/recipe.txt`);
  await page.locator('#peer-list .who:has-text("kitchen")').click();
  await page.getByRole('button', { name: 'Get recipe.txt from kitchen' }).click();
  await until('what a peer shares can be fetched', () => existsSync(`${WORK}/laptop/files/recipe.txt`));
  await until('and that is told', () => page.locator('.toast').getByText('recipe.txt from kitchen has arrived').count());
  await page.locator('#why').press('Escape');
}

async function why(page) {
  await page.locator('#graph').click({ position: await place(page, 'kitchen') });
  await until('a click on a node shows the way to it', () => page.locator('#why-body li:has-text("kitchen")').count());
  check(await page.locator('#why-body li:has-text("relay")').count() > 0, 'hop by hop');
  await page.locator('#why').press('Escape');
  check(await page.locator('#why').isHidden(), 'Escape closes it');
  check(await page.locator('#charts canvas').count() > 0, 'there is a chart of a link');
}

async function keyboard(browser, address) {
  const page = await watched(browser);
  await page.goto(address);
  await page.locator('#peer-list .who').first().waitFor();
  const reached = new Set();
  for (let n = 0; n < 60; n++) {
    await page.keyboard.press('Tab');
    reached.add(await page.evaluate(() => {
      const e = document.activeElement;
      return e.id || e.getAttribute('aria-label') || e.className || e.tagName;
    }));
  }
  for (const want of ['skip', 'theme', 'graph', 'who', 'Send files to kitchen', 'show-log', 'event-list', 'examine']) check(reached.has(want), `the keyboard reaches ${want}`);
  await page.locator('#graph').focus();
  await page.keyboard.press('ArrowRight');
  check((await page.locator('#graph-said').textContent()).length > 3, 'arrow keys choose a node and say which');
  await page.keyboard.press('Enter');
  await page.locator('#why').waitFor();
  ok('Enter shows why');
  await page.context().close();
}

async function phone(browser, address) {
  for (const colorScheme of ['light', 'dark']) {
    const page = await watched(browser, { viewport: { width: 360, height: 740 }, colorScheme, hasTouch: true, isMobile: true });
    await page.goto(address);
    await page.locator('#peer-list .who').first().waitFor();
    await page.waitForTimeout(1200);
    const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    check(wide <= 0, `a phone needs no scrolling to the side (${colorScheme})`);
    const small = await page.evaluate(() => [...document.querySelectorAll('button')].filter((b) => b.offsetParent && b.getBoundingClientRect().height < 32).map((b) => b.textContent));
    check(small.length === 0, 'its buttons are large enough ' + small);
    const dark = await page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    check((colorScheme === 'dark') === (Number(dark.match(/\d+/)[0]) < 100), `the colours are ${colorScheme}`);
    check((await page.evaluate(() => violations)).length === 0 && !page.complaints.length, 'without complaints ' + page.complaints);
    await shot(page, 'phone-' + colorScheme);
    if (SHOTS) {
      await page.locator('#peer-list .who').first().click();
      await page.locator('#why').waitFor();
      await pause(500);
      await page.screenshot({ path: `${SHOTS}/phone-why-${colorScheme}.png` });
    }
    await page.context().close();
    if (SHOTS && colorScheme === 'dark') {
      const wide = await watched(browser, { colorScheme });
      await wide.goto(address);
      await wide.locator('#peer-list .who').first().waitFor();
      await wide.getByRole('button', { name: 'Examine' }).click();
      await pause(4000);
      await shot(wide, 'desktop-dark');
      await wide.context().close();
    }
  }
}

async function intruders(browser, address) {
  const base = address.split('#')[0];
  let page = await watched(browser);
  await page.goto(base);
  await until('a browser without the key is told so', () => page.getByText('Open the address that caracal web printed').count());
  check(await page.locator('main').isHidden(), 'and shown nothing');
  await page.context().close();

  // Another site: it has even learned the key, and still a browser gives it nothing.
  const seen = [];
  const evil = http.createServer((q, s) => { seen.push(q.url); s.setHeader('Content-Type', 'text/html'); s.end('<title>evil</title>'); }).listen(0, '127.0.0.1');
  page = await watched(browser);
  await page.goto(`http://127.0.0.1:${evil.address().port}/`);
  const key = address.split('#t=')[1];
  const got = await page.evaluate(async ({ base, key }) => {
    const results = [];
    for (const [path, init] of [['api/doctor', { headers: { Authorization: 'Bearer ' + key } }], ['api/inbox', { method: 'POST', body: '{"id":"x","accept":true}', mode: 'no-cors' }], ['', {}]]) {
      try {
        const r = await fetch(base + path, init);
        results.push(r.type === 'opaque' ? 'opaque' : await r.text());
      } catch { results.push('refused'); }
    }
    const frame = document.createElement('iframe');
    frame.src = base;
    document.body.append(frame);
    await new Promise((r) => { frame.onload = r; setTimeout(r, 1500); });
    let inside = 'closed';
    try { inside = frame.contentDocument ? frame.contentDocument.title : 'closed'; } catch { /* another origin */ }
    return { results, inside };
  }, { base, key });
  check(got.results.every((x) => x === 'refused' || x === 'opaque'), 'another origin reads nothing: ' + got.results);
  check(!got.inside.includes('Caracal'), 'nor frames it');
  await page.context().close();
  evil.close();

  // DNS rebinding: a name of the attacker that leads here.
  const port = new URL(base).port;
  const rebound = await chromium.launch({ executablePath: BROWSER_BIN, args: ['--no-sandbox', '--host-resolver-rules=MAP evil.example 127.0.0.1'] });
  page = await watched(rebound);
  const answer = await page.goto(`http://evil.example:${port}/#t=${key}`);
  check(answer.status() === 421, 'a name bent to this machine is refused');
  await rebound.close();
}

let code = 0;
const browser = await chromium.launch({ executablePath: BROWSER_BIN, args: ['--no-sandbox', '--disable-gpu'] });
try {
  await test(browser);
  console.log(`passed in ${((Date.now() - began) / 1000).toFixed(1)} s`);
} catch (e) {
  console.error(e.message.startsWith('not ok') ? e.message : e.stack);
  code = 1;
}
await browser.close();
for (const s of started.reverse()) {
  if (typeof s !== 'string') s.kill('SIGINT');
  else try { cc(s, 'down'); } catch { /* it was stopped before */ }
}
process.exit(code);
