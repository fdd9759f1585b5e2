// The entry for browsers and bundlers: the module lies beside this file.
import init from './tensorferry.js';
import {GraphModel, LayersModel, makeApi, Model} from './api.js';

let loading;

const module = source => {
  loading ??= init({module_or_path: source ?? new URL('./tensorferry_bg.wasm', import.meta.url)});
  // Where it could not be loaded, it may be another time.
  loading.catch(() => { loading = undefined; });
  return loading;
};

/** Loads the WebAssembly module; the other functions do so themselves. Give a URL or bytes to load it from elsewhere. */
export async function ready(source) {
  await module(source);
}

export const {loadGraphModel, loadLayersModel, convert, memory} = makeApi({ready: module});
export {GraphModel, LayersModel, Model};
