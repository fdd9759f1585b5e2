// `index.d.ts` says what the package is: a program with it compiles, and everything it declares is there.
import assert from 'node:assert/strict';
import path from 'node:path';
import {test} from 'node:test';
import {pathToFileURL} from 'node:url';
import ts from 'typescript';
import {packageFolder} from './engine-cases.mjs';

const declarations = path.join(packageFolder, 'index.d.ts');
const program = ts.createProgram([path.join(import.meta.dirname, 'npm-usage.ts')], {
  strict: true, noEmit: true, skipLibCheck: false, types: [], noUncheckedIndexedAccess: true,
  target: ts.ScriptTarget.ES2022, lib: ['lib.es2022.d.ts', 'lib.dom.d.ts', 'lib.dom.iterable.d.ts'],
  module: ts.ModuleKind.ESNext, moduleResolution: ts.ModuleResolutionKind.Bundler,
  paths: {tensorferry: [declarations]},
});

test('a program that uses the types compiles, and its mistakes do not', () => {
  const all = ts.getPreEmitDiagnostics(program);
  assert.equal(ts.formatDiagnostics(all, {
    getCanonicalFileName: name => path.basename(name), getCurrentDirectory: () => '', getNewLine: () => '\n',
  }), '');
  assert(program.getSourceFile(declarations), 'the types of the package were read');
});

test('what is declared is there, and nothing else', async () => {
  const checker = program.getTypeChecker();
  const exported = checker.getExportsOfModule(checker.getSymbolAtLocation(program.getSourceFile(declarations)));
  const values = exported.filter(symbol => symbol.flags & ts.SymbolFlags.Value);
  for (const entry of ['node.js', 'browser.js']) {
    const found = await import(pathToFileURL(path.join(packageFolder, entry)));
    assert.deepEqual(Object.keys(found).sort(), values.map(symbol => symbol.name).sort(), entry);
    for (const symbol of values.filter(symbol => symbol.flags & ts.SymbolFlags.Class)) {
      const prototype = found[symbol.name].prototype;
      const own = Object.getOwnPropertyNames(prototype).filter(name => name !== 'constructor');
      const declared = [...symbol.members.keys()].map(String).filter(name => !name.startsWith('__'));
      // Fields are set when a model is loaded; npm.test.mjs reads them.
      const fields = symbol.name === 'Model' ? ['kind', 'inputs', 'outputs', 'warnings'] : [];
      assert.deepEqual([...own, ...fields].sort(), declared.sort(), `${entry}: ${symbol.name}`);
    }
  }
});
