// Every recorded graph and Keras model that our engine runs natively, in WebAssembly: TensorFlow's and Keras' numbers.
import assert from 'node:assert/strict';
import path from 'node:path';
import {test} from 'node:test';
import {pathToFileURL} from 'node:url';
import {index, packageFolder} from './engine-cases.mjs';
import {check} from './engine-check.mjs';
import {compareResults} from './results.mjs';

const {loadGraphModel, loadLayersModel} = await import(pathToFileURL(path.join(packageFolder, 'node.js')));

const agreeing = {graph: [], layers: []};

for (const entry of index()) {
  test(`${entry.id} (${entry.kind})`, async () => {
    const load = entry.kind === 'graph' ? loadGraphModel : loadLayersModel;
    const model = await load(entry.path);
    try {
      assert.equal(await check(model, entry), null);
      agreeing[entry.kind].push(entry.id);
    } finally {
      model.dispose();
    }
  });
}

for (const [kind, ids] of Object.entries(agreeing)) {
  test(`the stored list of ${kind} models is this`, () => compareResults(kind, ids.sort()));
}
