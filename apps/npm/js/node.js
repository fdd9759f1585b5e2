// The entry for Node: paths are read from the disk.
import fs from 'node:fs/promises';
import path from 'node:path';
import {fileURLToPath} from 'node:url';
import init from './tensorferry.js';
import {GraphModel, LayersModel, makeApi, Model} from './api.js';
import {shardsOf} from './files.js';

/** A folder with more is no model. */
const FILES_MAX = 10_000;

let loading;

const module = source => {
  loading ??= (async () => {
    const bytes = source ?? await fs.readFile(new URL('./tensorferry_bg.wasm', import.meta.url));
    return init({module_or_path: bytes});
  })();
  // Where it could not be loaded, it may be another time.
  loading.catch(() => { loading = undefined; });
  return loading;
};

/** Loads the WebAssembly module; the other functions do so themselves. Give bytes to load it from elsewhere. */
export async function ready(source) {
  await module(source);
}

async function fromPath(source) {
  const file = source instanceof URL ? fileURLToPath(source) : source;
  if ((await fs.stat(file)).isDirectory()) return {label: file, files: await folder(file), assets: []};
  const main = path.basename(file);
  const bytes = await fs.readFile(file);
  if (!main.endsWith('.json')) return {label: file, main, files: [[main, bytes]], assets: []};
  const names = shardsOf(bytes.toString());
  for (const name of names) {
    if (path.isAbsolute(name) || name.split(/[/\\]/).includes('..')) {
      throw new Error(`${file}: the shard ${name} is not in the model's folder`);
    }
  }
  const read = async name => [name, await fs.readFile(path.join(path.dirname(file), name))];
  const assets = await read('assets.zip').catch(error => {
    if (error.code !== 'ENOENT') throw error;
  });
  const shards = await Promise.all(names.map(read));
  return {label: file, main, files: [[main, bytes], ...shards, ...assets ? [assets] : []], assets: []};
}

async function folder(root) {
  const entries = await fs.readdir(root, {recursive: true, withFileTypes: true});
  const files = entries.filter(entry => entry.isFile());
  if (files.length > FILES_MAX) throw new Error(`${root}: the folder holds over ${FILES_MAX} files`);
  return Promise.all(files.map(async entry => {
    const file = path.join(entry.parentPath ?? entry.path, entry.name);
    return [path.relative(root, file).split(path.sep).join('/'), await fs.readFile(file)];
  }));
}

export const {loadGraphModel, loadLayersModel, convert, memory} = makeApi({ready: module, fromPath});
export {GraphModel, LayersModel, Model};
