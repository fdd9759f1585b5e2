// The API, over the module that wasm-bindgen made. What differs between Node and browsers comes in as `host`.
import * as wasm from './tensorferry.js';
import {fromMemory, fromUrl, withAssets} from './files.js';
import {fromTensor, toTensor} from './tensors.js';

/** No file and no tensor is larger: half of what WebAssembly addresses. */
const BYTES_MAX = 2 ** 31 - 1;

/** What ended the module. After a trap its memory is in no known state. */
let dead;
let n_models = 0;

/** Runs what calls into the module. A trap, which has few words, becomes an error that has some, and ends the module. */
function call(run) {
  if (dead) {
    throw new Error(`tensorferry cannot be used any more, load the page or the worker again; what happened: ${dead.message}`, {cause: dead});
  }
  try {
    return run();
  } catch (error) {
    if (!isTrap(error)) throw error;
    const isPanic = !(error instanceof WebAssembly.RuntimeError);
    const words = isPanic ? error.message : `tensorferry: out of memory, or an internal error (${error.message})`;
    dead = new Error(words, {cause: error});
    throw dead;
  }
}

const isTrap = error => error instanceof WebAssembly.RuntimeError
  || /^tensorferry \S+: internal error/.test(error?.message)
  || (error instanceof RangeError && /call stack/i.test(error.message))
  || error?.name === 'InternalError';

/** A model that was loaded. */
export class Model {
  #model;

  constructor(model, description) {
    this.#model = model;
    const {kind, inputs, outputs, warnings} = description;
    Object.assign(this, {kind, inputs, outputs, warnings});
    Object.freeze(this);
    n_models++;
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

  /** Frees the model's memory. */
  dispose() {
    if (!this.#model) return;
    if (!dead) this.#model.free();
    this.#model = undefined;
    n_models--;
  }

  #run(inputs, outputs) {
    if (!this.#model) throw new Error('the model is disposed');
    const tensors = this.#named(inputs).map(([spec, value]) => [spec.name, toTensor(value, spec)]);
    return call(() => {
      const given = new wasm.Tensors();
      try {
        for (const [name, {dtype, shape, bytes}] of tensors) given.add(name, dtype, Uint32Array.from(shape), bytes);
      } catch (error) {
        if (!isTrap(error)) given.free();
        throw error;
      }
      // `run` takes `given` over.
      const found = this.#model.run(given, outputs);
      const all = Array.from({length: found.length}, (_, i) =>
        fromTensor(found.name(i), found.dtype(i), found.shape(i), found.bytes(i)));
      found.free();
      return all;
    });
  }

  /** Pairs of spec and value: from a list in order, an object or a `Map` by name, or the one input's value. */
  #named(inputs) {
    if (isNamed(inputs)) {
      const short = name => name.replace(/:0$/, '');
      const entries = inputs instanceof Map ? [...inputs] : Object.entries(inputs);
      return entries.map(([name, value]) => {
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

/** A graph of TensorFlow's ops. */
export class GraphModel extends Model {
  /** Names of the inputs, in order. */
  get inputNodes() {
    return this.inputs.map(({name}) => name);
  }

  /** Names of the outputs, in order. */
  get outputNodes() {
    return this.outputs.map(({name}) => name);
  }

  /** As `predict`, and rejects where that throws. */
  async predictAsync(inputs) {
    return this.predict(inputs);
  }

  /**
   * As `execute`, and rejects where that throws. TensorFlow.js asks for it where a graph has control flow; here both run
   * every graph, on the thread that calls.
   */
  async executeAsync(inputs, outputs) {
    return this.execute(inputs, outputs);
  }
}

/** A model of Keras layers. */
export class LayersModel extends Model {
  /** Names of the inputs, in order. */
  get inputNames() {
    return this.inputs.map(({name}) => name);
  }

  /** Names of the outputs, in order. */
  get outputNames() {
    return this.outputs.map(({name}) => name);
  }

  /** As `predict`, which makes no batches either. */
  predictOnBatch(inputs) {
    return this.predict(inputs);
  }
}

/** What each function loads, and which one loads the others. */
const KINDS = {
  graph: {Class: GraphModel, words: 'a graph model', other: 'loadLayersModel'},
  layers: {Class: LayersModel, words: 'a model of layers', other: 'loadGraphModel'},
};

const isObject = value => value !== null && typeof value === 'object' && !Array.isArray(value) && !ArrayBuffer.isView(value);
const isTensor = value => ArrayBuffer.isView(value) || (isObject(value) && ('data' in value || typeof value.dataSync === 'function'));
const isNamed = value => isObject(value) && !isTensor(value);

/** @param {{ready: () => Promise<{memory: WebAssembly.Memory}>, fromPath?: (path: string) => Promise<object>}} host */
export function makeApi({ready, fromPath}) {
  const opened = async (source, options) => {
    if (source instanceof URL && source.protocol === 'file:' && fromPath) return fromPath(source);
    if (typeof source !== 'string' && !(source instanceof URL)) return fromMemory(source);
    const isUrl = source instanceof URL || /^(https?|blob|data):/i.test(source);
    return isUrl || !fromPath ? fromUrl(source, options) : fromPath(source);
  };
  /** What is loaded, and the options that the module takes. */
  const open = async (source, {fetchFunc, requestInit, weightPathPrefix, weightUrlConverter, onProgress, assets, ...options} = {}) => {
    const fetching = {fetchFunc, requestInit, weightPathPrefix, weightUrlConverter, onProgress};
    const found = withAssets(await opened(source, fetching), assets);
    for (const [name, bytes] of [...found.files, ...found.assets]) {
      if (bytes.length > BYTES_MAX) throw new Error(`${name}: ${bytes.length} bytes, and WebAssembly takes no more than ${BYTES_MAX}`);
    }
    await ready();
    return {found, options: JSON.stringify(options)};
  };
  const into = ({label, main, files}) => {
    const all = new wasm.Files(label, main);
    for (const [name, bytes] of files) all.add(name, bytes);
    return all;
  };
  const load = kind => async (source, all) => {
    const {found, options} = await open(source, all);
    return call(() => {
      const model = wasm.Model.load(into(found), options);
      const description = JSON.parse(model.describe());
      const {Class, words, other} = KINDS[kind];
      if (![kind, 'either'].includes(description.class)) {
        model.free();
        throw new Error(`${found.label}: it is a ${description.kind}, not ${words}; ${other} loads it`);
      }
      for (const [name, bytes] of found.assets) model.set_asset(name, bytes);
      return new Class(model, description);
    });
  };
  const convert = async (source, all) => {
    const {found, options} = await open(source, all);
    return call(() => {
      const converted = wasm.convert(into(found), options);
      const written = Array.from({length: converted.length}, (_, i) => [converted.name(i), converted.take_bytes(i)]);
      const report = JSON.parse(converted.report());
      converted.free();
      return {files: Object.fromEntries(written), report};
    });
  };
  const memory = async () => {
    const {memory} = await ready();
    return {numBytes: memory.buffer.byteLength, numModels: n_models};
  };
  return {loadGraphModel: load('graph'), loadLayersModel: load('layers'), convert, memory};
}
