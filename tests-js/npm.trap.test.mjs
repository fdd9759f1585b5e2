// What ends the module ends it with words, for good. In a process of its own: nothing works afterwards.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import {test} from 'node:test';
import {pathToFileURL} from 'node:url';
import {packageFolder} from './engine-cases.mjs';

const load = name => import(pathToFileURL(path.join(packageFolder, name)));
const {convert, loadLayersModel, memory, ready} = await load('node.js');
const {default: init} = await load('tensorferry.js');
const tutorial = {'tutorial.keras': fs.readFileSync(path.join(import.meta.dirname, '..', 'examples', 'tutorial.keras'))};

test('a module without memory says so, and again when it is asked for more', async () => {
  await ready();
  const model = await loadLayersModel(tutorial);
  // All that WebAssembly can address is taken, none of it is touched.
  const exports = await init();
  const PAGE = 65536;
  exports.memory.grow(PAGE - exports.memory.buffer.byteLength / PAGE);
  await assert.rejects(loadLayersModel({'m.h5': new Uint8Array(64 << 20)}), error => {
    assert.match(error.message, /^tensorferry: out of memory, or an internal error \(.+\)$/);
    assert(error.cause instanceof WebAssembly.RuntimeError, String(error.cause));
    return true;
  });
  const again = /tensorferry cannot be used any more, load the page or the worker again; what happened: tensorferry: out of memory/;
  assert.throws(() => model.predict([[1]]), again);
  await assert.rejects(loadLayersModel(tutorial), again);
  await assert.rejects(convert(tutorial), again);
  model.dispose();
  assert.equal((await memory()).numModels, 0);
  assert.throws(() => model.predict([[1]]), /the model is disposed/);
});
