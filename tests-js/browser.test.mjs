// Every converted model in headless Chromium, over HTTP, in one page.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import {after, before, test} from 'node:test';
import {chromium} from 'playwright-core';
import {folder, index} from './cases.mjs';
import {verdict} from './check.mjs';
import {serve} from './serve.mjs';

const NAMES = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];
const executablePath = process.env.PATH.split(path.delimiter)
  .flatMap(dir => NAMES.map(name => path.join(dir, name)))
  .find(file => fs.existsSync(file));

let server, browser, page;

before(async () => {
  assert(executablePath, `none of ${NAMES.join(', ')} is on the search path`);
  server = await serve({tests: import.meta.dirname, modules: path.join(import.meta.dirname, 'node_modules'), cases: folder});
  // The tests run as root in containers, where Chromium's own sandbox does not start.
  browser = await chromium.launch({executablePath, headless: true, args: process.getuid?.() === 0 ? ['--no-sandbox'] : []});
  page = await browser.newPage();
  await page.goto(`${server.url}/tests/page.html`);
  await page.waitForFunction('window.ready');
});

after(async () => {
  await browser?.close();
  server?.close();
});

test('the page runs the version that we promise', async () => {
  assert.equal(await page.evaluate('window.version'), '4.22.0');
});

for (const entry of index()) {
  test(`${entry.id}: ${entry.expect}`, async () => {
    const result = await page.evaluate(entry => window.checkCase(entry), entry);
    assert.equal(verdict(entry, result), null);
  });
}
