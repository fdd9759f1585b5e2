// Every recorded case of every op, in WebAssembly: what TensorFlow's kernels gave.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import {createRequire} from 'node:module';
import path from 'node:path';
import {test} from 'node:test';
import {opsFolder} from './engine-cases.mjs';
import {compareResults} from './results.mjs';

const target = path.join(import.meta.dirname, '..', 'target');
const checks = path.resolve(process.env.TENSORFERRY_OP_CHECKS ?? path.join(target, 'op-checks'));
const {checkLine} = createRequire(import.meta.url)(path.join(checks, 'op-checks.js'));

const counts = {};

for (const name of fs.readdirSync(opsFolder()).sort()) {
  test(name, () => {
    const wrong = [];
    const lines = fs.readFileSync(path.join(opsFolder(), name), 'utf8').split('\n').filter(line => line);
    assert(lines.length >= 50, `only ${lines.length} cases`);
    for (const [i, line] of lines.entries()) {
      const [op, , , outputs] = line.split('\t');
      const what = checkLine(line);
      if (what !== undefined) wrong.push(`${name}:${i + 1} ${op}: ${what}`);
      else if (!outputs.startsWith('!')) counts[op] = (counts[op] ?? 0) + 1;
    }
    assert.deepEqual(wrong, []);
  });
}

test('the stored counts are these', () => {
  compareResults('ops', Object.fromEntries(Object.entries(counts).sort(([a], [b]) => a < b ? -1 : 1)));
});
