// Compares what a model computes with what was recorded; runs in Node and in a page.

const ARRAYS = {
  float32: Float32Array, float64: Float64Array, int8: Int8Array, int16: Int16Array, int32: Int32Array,
  int64: BigInt64Array, uint8: Uint8Array, uint16: Uint16Array, uint32: Uint32Array, uint64: BigUint64Array,
  bool: Uint8Array, complex64: Float32Array, complex128: Float64Array,
};

/** The elements of a recorded array. Half precision is stored as float32. */
function elements(array) {
  const bytes = Uint8Array.from(atob(array.base64), c => c.charCodeAt(0));
  if (array.stored !== 'string') return new ARRAYS[array.stored](bytes.buffer);
  const view = new DataView(bytes.buffer);
  const texts = [];
  for (let at = 0; at < bytes.length;) {
    const text = bytes.subarray(at + 4, at + 4 + view.getUint32(at, true));
    texts.push(text);
    at += 4 + text.length;
  }
  return texts;
}

/** The first difference from what was recorded, or null. */
export async function check(model, entry) {
  for (const call of entry.calls) {
    const inputs = {};
    for (const array of call.inputs) {
      inputs[array.name] = {data: elements(array), shape: array.shape, dtype: array.stored};
    }
    // Outputs of Keras models may share a name; they are in the model's order.
    const names = call.outputs.map(array => array.name);
    const found = entry.kind === 'graph' ? await model.executeAsync(inputs, names) : [model.predict(inputs)].flat();
    for (const [i, array] of call.outputs.entries()) {
      const wrong = difference(found[i], array, entry);
      if (wrong) return `${array.name}: ${wrong}`;
    }
  }
  return null;
}

function difference(found, array, {rtol, atol}) {
  if (JSON.stringify(found.shape) !== JSON.stringify(array.shape)) return `shape [${found.shape}] instead of [${array.shape}]`;
  if (found.dtype !== array.dtype) return `${found.dtype} instead of ${array.dtype}`;
  const wanted = elements(array);
  if (found.data.length !== wanted.length) return `${found.data.length} elements instead of ${wanted.length}`;
  const isExact = !/float|complex/.test(array.dtype);
  for (let i = 0; i < wanted.length; i++) {
    if (array.dtype === 'string') {
      const bytes = typeof found.data[i] === 'string' ? new TextEncoder().encode(found.data[i]) : found.data[i];
      if (String(bytes) !== String(wanted[i])) return `element ${i} is ${found.data[i]}`;
      continue;
    }
    const [a, b] = [found.data[i], wanted[i]];
    if (a === b || (Number.isNaN(a) && Number.isNaN(b))) continue;
    const [x, y] = [Number(a), Number(b)];
    if (isExact || !(Math.abs(x - y) <= atol + rtol * Math.abs(y))) return `element ${i} is ${a} instead of ${b}`;
  }
  return null;
}
