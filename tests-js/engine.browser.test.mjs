// The npm package in headless Chromium: recorded graphs over HTTP, and a conversion in the page.
import assert from 'node:assert/strict';
import path from 'node:path';
import {after, before, test} from 'node:test';
import {openPage} from './browser.mjs';
import {index, packageFolder} from './engine-cases.mjs';

// In Node all of them run; what a page adds is fetching and its own WebAssembly.
const graphs = index().filter((entry, i) => entry.kind === 'graph' && i % 4 === 0);
let page, close;

before(async () => {
  const roots = {npm: packageFolder, goldens: path.dirname(graphs[0].path), examples: path.join(import.meta.dirname, '..', 'examples')};
  ({page, close} = await openPage('engine-page.html', roots));
});

after(() => close?.());

for (const entry of graphs) {
  test(entry.id, async () => {
    const url = `/goldens/${path.basename(entry.path)}/model.json`;
    assert.equal(await page.evaluate(([entry, url]) => window.checkCase(entry, url), [entry, url]), null);
  });
}

test('a Keras file is converted in the page, and runs', async () => {
  const {output, y, refused, numModels, left} = await page.evaluate(url => window.convertAndRun(url), '/examples/tutorial.keras');
  assert.equal(output, 'TensorFlow.js layers model');
  assert(Math.abs(y[0] - 19) < 0.2, `${y}`);
  assert.equal(y[1], y[0]);
  assert.match(refused, /loadLayersModel loads it/);
  assert.deepEqual([numModels, left], [2, 0]);
});
