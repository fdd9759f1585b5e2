// The API, over the module that wasm-bindgen made. What differs between Node and browsers comes in as `host`.
import * as wasm from './tensorferry.js';
import {fromMemory, fromUrl} from './files.js';
import {fromTensor, toTensor} from './tensors.js';

/** A trap of the engine, which has no words, as an error that has some. */
function call(run) {
  try {
    return run();
  } catch (error) {
    if (error instanceof WebAssembly.RuntimeError || error instanceof RangeError) {
      throw new Error(`tensorferry: out of memory, or an internal error (${error.message})`, {cause: error});
    }
    throw error;
  }
}

/** A model that was loaded. */
export class Model {
  #model;

  constructor(model) {
    this.#model = model;
    const {kind, inputs, outputs, warnings} = JSON.parse(model.describe());
    Object.assign(this, {kind, inputs, outputs, warnings});
    Object.freeze(this);
  }

  /** Computes all outputs. One output comes alone, several as a list in the order of `outputs`. */
  predict(inputs) {
    const all = this.#run(inputs, []);
    return all.length === 1 ? all[0] : all;
  }

  /** Computes these outputs, or any nodes of a graph: one name gives one tensor, a list a list. */
  execute(inputs, outputs) {
    if (outputs === undefined) return this.predict(inputs);
    const all = this.#run(inputs, [outputs].flat());
    return Array.isArray(outputs) ? all : all[0];
  }

  /** As `execute`; for models with control flow TensorFlow.js asks for this one. */
  async executeAsync(inputs, outputs) {
    return this.execute(inputs, outputs);
  }

  /** Frees the model's memory. */
  dispose() {
    this.#model?.free();
    this.#model = undefined;
  }

  #run(inputs, outputs) {
    if (!this.#model) throw new Error('the model is disposed');
    const given = new wasm.Tensors();
    try {
      for (const [spec, value] of this.#named(inputs)) {
        const {dtype, shape, bytes} = toTensor(value, spec);
        given.add(spec.name, dtype, Uint32Array.from(shape), bytes);
      }
    } catch (error) {
      given.free();
      throw error;
    }
    // `run` takes `given` over.
    const found = call(() => this.#model.run(given, outputs));
    try {
      return Array.from({length: found.length}, (_, i) =>
        fromTensor(found.name(i), found.dtype(i), found.shape(i), found.bytes(i)));
    } finally {
      found.free();
    }
  }

  /** Pairs of spec and value: from a list in order, an object by name, or the one input's value. */
  #named(inputs) {
    if (isNamed(inputs)) {
      const short = name => name.replace(/:0$/, '');
      return Object.entries(inputs).map(([name, value]) => {
        const spec = this.inputs.find(spec => spec.name === name) ?? this.inputs.find(spec => short(spec.name) === short(name));
        return [spec ?? {name, dtype: 'float32', shape: null}, value];
      });
    }
    if (this.inputs.length === 1 && !(Array.isArray(inputs) && inputs.length === 1 && isTensor(inputs[0]))) {
      return [[this.inputs[0], inputs]];
    }
    const list = inputs === undefined ? [] : Array.isArray(inputs) ? inputs : [inputs];
    if (list.length > this.inputs.length) {
      throw new TypeError(`${list.length} inputs are given, and the model takes ${this.inputs.length}`);
    }
    return list.map((value, i) => [this.inputs[i], value]);
  }
}

const isObject = value => value !== null && typeof value === 'object' && !Array.isArray(value) && !ArrayBuffer.isView(value);
const isTensor = value => ArrayBuffer.isView(value) || (isObject(value) && ('data' in value || typeof value.dataSync === 'function'));
const isNamed = value => isObject(value) && !isTensor(value);

/** @param {{ready: () => Promise<void>, fromPath?: (path: string) => Promise<object>}} host */
export function makeApi({ready, fromPath}) {
  const open = async (source, {fetchFunc, requestInit} = {}) => {
    if (source instanceof URL && source.protocol === 'file:' && fromPath) return fromPath(source);
    if (typeof source !== 'string' && !(source instanceof URL)) return fromMemory(source);
    const isUrl = source instanceof URL || /^(https?|blob|data):/i.test(source);
    return isUrl || !fromPath ? fromUrl(source, {fetchFunc, requestInit}) : fromPath(source);
  };
  const into = async ({label, main, files}) => {
    await ready();
    const all = new wasm.Files(label, main);
    for (const [name, bytes] of files) all.add(name, bytes);
    return all;
  };
  const load = async (source, {fetchFunc, requestInit, ...options} = {}) => {
    const files = await into(await open(source, {fetchFunc, requestInit}));
    return new Model(call(() => wasm.Model.load(files, JSON.stringify(options))));
  };
  const convert = async (source, {fetchFunc, requestInit, ...options} = {}) => {
    const files = await into(await open(source, {fetchFunc, requestInit}));
    const converted = call(() => wasm.convert(files, JSON.stringify(options)));
    try {
      const written = Array.from({length: converted.length}, (_, i) => [converted.name(i), converted.take_bytes(i)]);
      return {files: Object.fromEntries(written), report: JSON.parse(converted.report())};
    } finally {
      converted.free();
    }
  };
  return {loadGraphModel: load, loadLayersModel: load, convert};
}
