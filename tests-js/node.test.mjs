// Every converted model in Node, from memory, with the CPU backend.
import assert from 'node:assert/strict';
import path from 'node:path';
import {before, test} from 'node:test';
import {folder, fromFolder, index} from './cases.mjs';
import {check, verdict} from './check.mjs';

console.warn = () => {}; // TensorFlow.js advertises its other packages
const {default: tf, ...named} = await import('@tensorflow/tfjs');
const tfjs = tf ?? named;

before(() => tfjs.setBackend('cpu'));

test('TensorFlow.js is the version that we promise', () => {
  assert.equal(tfjs.version.tfjs, '4.22.0');
});

for (const entry of index()) {
  test(`${entry.id}: ${entry.expect}`, async () => {
    const handler = fromFolder(path.join(folder, entry.dir));
    const load = () => entry.kind === 'graph' ? tfjs.loadGraphModel(handler) : tfjs.loadLayersModel(handler);
    const result = await check(tfjs, entry, load);
    assert.equal(verdict(entry, result), null);
  });
}
