// What ran in WebAssembly and agreed, as `docs/coverage.md` counts it: `fixtures/wasm-results.json`.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';

const file = path.join(import.meta.dirname, '..', 'fixtures', 'wasm-results.json');

/** Every claim of one part of the stored results must be true of what was found: ids that agree, or counts of cases. More may
 * have been recorded since; `BLESS=1` stores it. */
export function compareResults(part, found) {
  const stored = fs.existsSync(file) ? JSON.parse(fs.readFileSync(file, 'utf8')) : {};
  if (process.env.BLESS) {
    stored[part] = found;
    const sorted = Object.fromEntries(Object.entries(stored).sort(([a], [b]) => a < b ? -1 : 1));
    fs.writeFileSync(file, JSON.stringify(sorted, null, 1) + '\n');
  }
  const claims = Object.entries(stored[part] ?? {});
  assert(claims.length >= 200, `fixtures/wasm-results.json has few ${part}`);
  const ids = Array.isArray(found) ? new Set(found) : null;
  const wrong = claims.filter(([op, claim]) => ids ? !ids.has(claim) : !(found[op] >= claim));
  assert.deepEqual(wrong, [], 'fixtures/wasm-results.json claims more than agrees: run this test with BLESS=1');
}
