// Loads one converted model with TensorFlow.js and compares its predictions; runs in Node and in a page.

/**
 * Largest allowed difference from Keras for values up to one, and relative to the value above that. An entry has
 * its own `tolerance` where Keras computes in half precision and TensorFlow.js does not.
 */
export const TOLERANCE = 1e-5;

/**
 * A quantized model may be this many times as far from Keras as the reference's own output is. Where the reference's output
 * does not load, the entry's `tolerance` says what the number of bits allows.
 */
export const QUANTIZED_FACTOR = 1.5;

/**
 * @param {object} tf TensorFlow.js
 * @param {object} entry a case of index.json
 * @param {() => Promise<object>} load gives the layers or graph model
 * @returns {Promise<{ok: boolean, message: string, maxDifference: number}>}
 */
export async function check(tf, entry, load) {
  let result;
  const before = tf.memory().numTensors;
  try {
    result = await loadAndPredict(tf, entry, load);
  } catch (error) {
    result = {ok: false, message: String(error?.message ?? error).replace(/\s+/g, ' ').slice(0, 300), maxDifference: NaN};
  }
  if (tf.memory().numTensors > before) tf.disposeVariables();
  return result;
}

async function loadAndPredict(tf, entry, load) {
  const model = await load();
  let maxDifference = 0;
  for (const call of entry.calls) {
    const outputs = await predict(tf, entry, model, call);
    if (outputs.length !== call.outputs.length) {
      return {ok: false, message: `${outputs.length} outputs instead of ${call.outputs.length}`, maxDifference: NaN};
    }
    for (const [i, output] of outputs.entries()) {
      const wrong = await difference(output, call.outputs[i]);
      if (typeof wrong === 'string') return {ok: false, message: `${call.outputs[i].name}: ${wrong}`, maxDifference: NaN};
      maxDifference = Math.max(maxDifference, wrong);
    }
  }
  const bound = entry.reference_difference === undefined ? entry.tolerance ?? TOLERANCE
    : Math.max(TOLERANCE, QUANTIZED_FACTOR * entry.reference_difference);
  const ok = maxDifference <= bound;
  return {ok, message: ok ? '' : `differs by ${maxDifference}, allowed are ${bound}`, maxDifference};
}

async function predict(tf, entry, model, call) {
  if (entry.kind === 'graph') {
    const feed = {};
    for (const [i, input] of call.inputs.entries()) feed[graphInput(model, call, i)] = tensor(tf, input);
    return [await model.executeAsync(feed, graphOutputs(model, call.outputs.map(output => output.name)))].flat();
  }
  const inputs = inModelOrder(call.inputs, model.inputNames)
    .map((input, i) => tensor(tf, input, model.inputs[i].dtype));
  const outputs = [model.predict(inputs.length === 1 ? inputs[0] : inputs)].flat();
  // A SavedModel's recorded outputs are sorted by name; the layers model has its own order.
  const at = call.outputs.map(output => model.outputNames.indexOf(output.name));
  const byName = call.by_name && at.every(i => i >= 0) && new Set(at).size === at.length;
  return byName ? at.map(i => outputs[i]) : outputs;
}

function inModelOrder(inputs, names) {
  const at = inputs.map(input => names.indexOf(input.name));
  if (at.some(i => i < 0)) return inputs;
  return [...inputs].sort((a, b) => names.indexOf(a.name) - names.indexOf(b.name));
}

/**
 * The graph's input for input `i` of a call: by name, or by place where Keras calls its tensors otherwise than its layers.
 */
function graphInput(model, call, i) {
  const {name} = call.inputs[i];
  const declared = model.modelSignature?.inputs ?? {};
  const own = Object.values(declared).filter(input => input.resourceId === undefined);
  const byPlace = own.length === call.inputs.length && call.inputs.every(input => !declared[input.name]) ? own[i].name : null;
  const found = declared[name]?.name ?? byPlace ?? (model.inputs.length === 1 ? model.inputs[0].name : name);
  return found.replace(/:0$/, '');
}

/**
 * The graph's tensors for these keys. The reference loses a key when two outputs have the same type and shape; its tensors
 * are Identity, Identity_1, … in the order of the sorted keys.
 */
function graphOutputs(model, keys) {
  const declared = model.modelSignature?.outputs ?? {};
  const areNames = new Set(keys).size === keys.length;
  if (areNames && keys.every(key => declared[key])) return keys.map(key => declared[key].name);
  if (!areNames && Object.keys(declared).length === keys.length) return Object.values(declared).map(output => output.name);
  if (model.outputs.length === 1) return [model.outputs[0].name];
  const number = name => Number(/^Identity_?(\d*)/.exec(name)?.[1] || 0);
  const tensors = model.outputs.map(output => output.name).sort((a, b) => number(a) - number(b));
  const sorted = [...keys].sort();
  return keys.map(key => tensors[sorted.indexOf(key)]);
}

function tensor(tf, array, wanted) {
  if (array.dtype === 'string') return tf.tensor(array.values, array.shape, 'string');
  const dtype = wanted === 'int32' && array.dtype === 'float32' ? 'int32' : array.dtype;
  return tf.tensor(numbers(array), array.shape, dtype);
}

/** The elements of an array of index.json: base64 of little-endian float32, int32 or one byte for bool. */
export function numbers(array) {
  const bytes = Uint8Array.from(atob(array.base64), c => c.charCodeAt(0));
  if (array.dtype === 'bool') return bytes;
  return array.dtype === 'int32' ? new Int32Array(bytes.buffer) : new Float32Array(bytes.buffer);
}

/** The largest difference, relative to values above one, or a sentence when there is none to state. */
async function difference(output, array) {
  if (JSON.stringify(output.shape) !== JSON.stringify(array.shape)) {
    return `shape [${output.shape}] instead of [${array.shape}]`;
  }
  const got = await output.data();
  if (array.dtype === 'string') {
    return got.every((value, i) => value === array.values[i]) ? 0 : 'other strings';
  }
  const wanted = numbers(array);
  let max = 0;
  for (let i = 0; i < wanted.length; i++) {
    const [a, b] = [Number(got[i]), Number(wanted[i])];
    if (Object.is(a, b) || a === b || (Number.isNaN(a) && Number.isNaN(b))) continue;
    const apart = Math.abs(a - b) / Math.max(1, Math.abs(b));
    if (Number.isNaN(apart)) return `${a} instead of ${b}`;
    max = Math.max(max, apart);
  }
  return max;
}

/**
 * What is wrong with a case's result, or null. A model that the converter refuses must not work in TensorFlow.js
 * (else the refusal is wrong); one that is listed as different must load and differ (else the list is out of date).
 */
export function verdict(entry, result) {
  if (entry.expect === 'same') return result.ok ? null : result.message;
  return result.ok ? `works in TensorFlow.js, but is ${entry.expect}: ${entry.reason}` : null;
}
