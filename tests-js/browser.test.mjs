// Every converted model in headless Chromium, over HTTP, in one page.
import assert from 'node:assert/strict';
import path from 'node:path';
import {after, before, test} from 'node:test';
import {openPage} from './browser.mjs';
import {folder, index} from './cases.mjs';
import {verdict} from './check.mjs';

let page, close;

before(async () => {
  ({page, close} = await openPage('page.html', {modules: path.join(import.meta.dirname, 'node_modules'), cases: folder}));
});

after(() => close?.());

test('the page runs the version that we promise', async () => {
  assert.equal(await page.evaluate('window.version'), '4.22.0');
});

for (const entry of index()) {
  test(`${entry.id}: ${entry.expect}`, async () => {
    const result = await page.evaluate(entry => window.checkCase(entry), entry);
    assert.equal(verdict(entry, result), null);
  });
}
