// Every converted graph in headless Chromium on TensorFlow.js' WebAssembly backend, as far as that has the kernels.
import assert from 'node:assert/strict';
import path from 'node:path';
import {after, before, test} from 'node:test';
import {openPage} from './browser.mjs';
import {folder, index} from './cases.mjs';
import {verdict} from './check.mjs';

/** How many graphs the backend has all kernels for, at least: with fewer, something else keeps them from running. */
const RUN_MIN = 100;

/** What the backend says of a kernel that it lacks. */
const LACKING = /Kernel '\w+' not registered for backend 'wasm'/;

let page, close, nRun = 0;

before(async () => {
  ({page, close} = await openPage('page-wasm.html', {modules: path.join(import.meta.dirname, 'node_modules'), cases: folder}));
});

after(() => close?.());

test('the page runs on WebAssembly', async () => {
  assert(await page.evaluate('window.hasStarted'), 'the backend did not start');
});

for (const entry of index().filter(entry => entry.kind === 'graph' && entry.expect === 'same')) {
  test(entry.id, async t => {
    const result = await page.evaluate(entry => window.checkCase(entry), entry);
    assert.equal(await page.evaluate('window.backend()'), 'wasm');
    if (LACKING.test(result.message)) return t.skip(result.message);
    nRun++;
    assert.equal(verdict(entry, result), null);
  });
}

test('most graphs run', () => {
  assert(nRun >= RUN_MIN, `only ${nRun} graphs ran on WebAssembly`);
});
