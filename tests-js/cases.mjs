// The converted models that `cargo xtask js-cases` made, and loading them from memory.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';

export const folder = path.resolve(process.env.TENSORFERRY_JS_CASES
  ?? path.join(import.meta.dirname, '..', 'target', 'js-cases'));

/** The list of cases; it is an error when there are none. */
export function index() {
  const file = path.join(folder, 'index.json');
  assert(fs.existsSync(file), `${file} does not exist: run \`cargo xtask js-cases\``);
  const {cases} = JSON.parse(fs.readFileSync(file, 'utf8'));
  const same = cases.filter(entry => entry.expect === 'same');
  assert(same.length > 0, 'index.json lists no model that TensorFlow.js should load');
  return cases;
}

/** An IOHandler that reads a model's folder, as a loader of one's own would. */
export function fromFolder(dir) {
  return {
    load: async () => {
      const json = JSON.parse(fs.readFileSync(path.join(dir, 'model.json'), 'utf8'));
      const shards = json.weightsManifest.flatMap(group => group.paths).map(name => fs.readFileSync(path.join(dir, name)));
      const all = Buffer.concat(shards);
      const {weightsManifest, ...rest} = json;
      return {
        ...rest,
        weightSpecs: weightsManifest.flatMap(group => group.weights),
        weightData: all.buffer.slice(all.byteOffset, all.byteOffset + all.length),
      };
    },
  };
}
