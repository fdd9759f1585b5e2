// What `cargo xtask` made for the tests of the npm package: the package, and the recorded cases.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';

const target = path.join(import.meta.dirname, '..', 'target');
export const packageFolder = path.resolve(process.env.TENSORFERRY_NPM ?? path.join(target, 'npm'));
const cases = path.resolve(process.env.TENSORFERRY_ENGINE_CASES ?? path.join(target, 'engine-cases'));

function read() {
  const file = path.join(cases, 'index.json');
  assert(fs.existsSync(file), `${file} does not exist: run \`cargo xtask test\``);
  return JSON.parse(fs.readFileSync(file, 'utf8'));
}

/** The folder of what was recorded of single ops. */
export function opsFolder() {
  return read().ops;
}

/** The recorded cases; it is an error when there are few. */
export function index() {
  const all = read().cases;
  for (const kind of ['graph', 'layers']) {
    const n = all.filter(entry => entry.kind === kind).length;
    assert(n >= 200, `only ${n} cases of kind ${kind}`);
  }
  return all;
}
