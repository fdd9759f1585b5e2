// Tensors between JavaScript and the engine: {data, shape, dtype}, typed arrays, nested arrays, TensorFlow.js' tensors.

/** Array and dtype of what comes out. Half precision comes as float32, which holds it exactly. */
const ARRAYS = {
  float16: Float32Array, bfloat16: Float32Array, float32: Float32Array, float64: Float64Array,
  int8: Int8Array, int16: Int16Array, int32: Int32Array, int64: BigInt64Array,
  uint8: Uint8Array, uint16: Uint16Array, uint32: Uint32Array, uint64: BigUint64Array,
  bool: Uint8Array, complex64: Float32Array, complex128: Float64Array,
};

const DTYPES = new Map([
  [Float32Array, 'float32'], [Float64Array, 'float64'], [Int8Array, 'int8'], [Int16Array, 'int16'],
  [Int32Array, 'int32'], [BigInt64Array, 'int64'], [Uint8Array, 'uint8'], [Uint8ClampedArray, 'uint8'],
  [Uint16Array, 'uint16'], [Uint32Array, 'uint32'], [BigUint64Array, 'uint64'],
]);

const isTyped = value => ArrayBuffer.isView(value) && !(value instanceof DataView);

/**
 * @param {unknown} value what a caller gives
 * @param {{name: string, dtype: string, shape: (number|null)[]|null}} spec the input that it is for
 * @returns {{dtype: string, shape: number[], bytes: Uint8Array}}
 */
export function toTensor(value, spec) {
  if (value !== null && typeof value === 'object' && typeof value.dataSync === 'function') {
    return toTensor({data: value.dataSync(), shape: value.shape, dtype: value.dtype}, spec);
  }
  if (isTyped(value) || Array.isArray(value) || typeof value !== 'object' || value === null) {
    const shape = isTyped(value) ? fittingShape(value.length, spec) : nestedShape(value);
    return encode(isTyped(value) ? value : flat(value), shape, undefined, spec);
  }
  const {data, shape, dtype} = value;
  if (data === undefined) throw new TypeError(`input ${spec.name}: a tensor is {data, shape, dtype}`);
  return encode(isTyped(data) ? data : flat(data), shape ?? fittingShape(data.length, spec), dtype, spec);
}

/** The shape of nested arrays. */
function nestedShape(value) {
  const shape = [];
  for (let inner = value; Array.isArray(inner); inner = inner[0]) shape.push(inner.length);
  return shape;
}

const flat = value => Array.isArray(value) ? value.flat(Infinity) : [value];

/** A typed array fits when the model leaves at most one dim open. */
function fittingShape(length, spec) {
  const open = spec.shape?.filter(dim => dim === null).length;
  if (open === undefined || open > 1) {
    throw new TypeError(`input ${spec.name}: the shape is not clear, give {data, shape}`);
  }
  const known = spec.shape.reduce((product, dim) => product * (dim ?? 1), 1);
  return spec.shape.map(dim => dim ?? (known === 0 ? 0 : length / known));
}

function encode(data, shape, dtype, spec) {
  if (!shape.every(dim => Number.isInteger(dim) && dim >= 0)) {
    throw new TypeError(`input ${spec.name}: [${shape}] is no shape`);
  }
  const wanted = shape.reduce((product, dim) => product * dim, 1);
  const given = dtype?.startsWith('complex') ? data.length / 2 : data.length;
  if (given !== wanted) {
    throw new TypeError(`input ${spec.name}: ${given} elements, and the shape [${shape}] has ${wanted}`);
  }
  if (dtype === 'string' || (dtype === undefined && spec.dtype === 'string')) {
    for (const text of data) {
      const isText = typeof text === 'string' || text instanceof Uint8Array;
      if (!isText) throw new TypeError(`input ${spec.name}: ${String(text)} is no text`);
    }
    return {dtype: 'string', shape, bytes: encodeTexts(data)};
  }
  if (isTyped(data)) {
    const own = dtype === 'bool' || dtype?.startsWith('complex') ? dtype : DTYPES.get(data.constructor);
    return {dtype: own, shape, bytes: new Uint8Array(data.buffer, data.byteOffset, data.byteLength)};
  }
  // Plain numbers: of the type that the caller says, or else of the model's.
  let type = dtype ?? spec.dtype;
  if (type === 'float16' || type === 'bfloat16') type = 'float32';
  const Typed = ARRAYS[type];
  if (!Typed) throw new TypeError(`input ${spec.name}: there is no dtype ${type}`);
  const isBig = Typed === BigInt64Array || Typed === BigUint64Array;
  for (const element of data) {
    if (!['number', 'boolean', 'bigint'].includes(typeof element)) {
      throw new TypeError(`input ${spec.name}: ${String(element)} is no number`);
    }
  }
  const exact = value => {
    if (isBig && typeof value === 'number' && !Number.isInteger(value)) {
      throw new TypeError(`input ${spec.name}: ${value} is no ${type}`);
    }
    const number = isBig ? BigInt(value) : Number(value);
    const isFloat = Typed === Float32Array || Typed === Float64Array;
    const isHeld = type === 'bool' ? number === 0 || number === 1 : Typed.of(number)[0] === number;
    if (!isFloat && !isHeld) {
      throw new TypeError(`input ${spec.name}: ${value} is no ${type}`);
    }
    return number;
  };
  const typed = Typed.from(data, exact);
  return {dtype: type, shape, bytes: new Uint8Array(typed.buffer)};
}

function encodeTexts(data) {
  const encoder = new TextEncoder();
  const all = Array.from(data, text => typeof text === 'string' ? encoder.encode(text) : text);
  const bytes = new Uint8Array(all.reduce((sum, text) => sum + 4 + text.length, 0));
  const view = new DataView(bytes.buffer);
  let at = 0;
  for (const text of all) {
    view.setUint32(at, text.length, true);
    bytes.set(text, at + 4);
    at += 4 + text.length;
  }
  return bytes;
}

/** A text that is UTF-8 as a string, else its bytes. */
function decodeTexts(bytes) {
  const decoder = new TextDecoder('utf-8', {fatal: true, ignoreBOM: true});
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const all = [];
  for (let at = 0; at < bytes.length;) {
    const text = bytes.subarray(at + 4, at + 4 + view.getUint32(at, true));
    at += 4 + text.length;
    try {
      all.push(decoder.decode(text));
    } catch {
      all.push(text.slice());
    }
  }
  return all;
}

/** @returns {{name: string, data: ArrayLike<unknown>, shape: number[], dtype: string}} */
export function fromTensor(name, dtype, shape, bytes) {
  if (dtype === 'string') return {name, data: decodeTexts(bytes), shape: [...shape], dtype};
  const Typed = ARRAYS[dtype];
  // The bytes are a copy of their own, so that they begin at 0.
  return {name, data: new Typed(bytes.buffer, bytes.byteOffset, bytes.byteLength / Typed.BYTES_PER_ELEMENT), shape: [...shape], dtype};
}
