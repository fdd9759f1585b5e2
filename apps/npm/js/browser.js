// The entry for browsers and bundlers: the module lies beside this file.
import init from './tensorferry.js';
import {makeApi, Model} from './api.js';

let loading;

/** Loads the WebAssembly module; the other functions do so themselves. Give a URL or bytes to load it from elsewhere. */
export function ready(module = new URL('./tensorferry_bg.wasm', import.meta.url)) {
  loading ??= init({module_or_path: module}).then(() => undefined);
  return loading;
}

export const {loadGraphModel, loadLayersModel, convert} = makeApi({ready});
export {Model};
