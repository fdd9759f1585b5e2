// What a caller points at, as files by name: {label, main, files}.

const encoder = new TextEncoder();
const MODEL_JSON = 'model.json';

/** Bytes of whatever stands for a file. */
export function bytesOf(value, name) {
  if (value instanceof Uint8Array) return value;
  if (ArrayBuffer.isView(value)) return new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
  if (value instanceof ArrayBuffer) return new Uint8Array(value);
  if (typeof value === 'string') return encoder.encode(value);
  if (value !== null && typeof value === 'object' && !Array.isArray(value)) return encoder.encode(JSON.stringify(value));
  throw new TypeError(`${name}: a file is bytes, a string, or an object that becomes JSON`);
}

/** @param {object} source files by name, ModelArtifacts of TensorFlow.js, or an IOHandler */
export async function fromMemory(source) {
  if (source === null || typeof source !== 'object') {
    throw new TypeError('a model is a URL, a path, or files in memory');
  }
  if (typeof source.load === 'function') return fromMemory(await source.load());
  if ('modelTopology' in source) return fromArtifacts(source);
  const entries = source instanceof Map ? [...source] : Object.entries(source);
  if (entries.length === 0) throw new TypeError('there are no files');
  const files = entries.map(([name, value]) => [name, bytesOf(value, name)]);
  const names = files.map(([name]) => name);
  const main = names.includes(MODEL_JSON) ? MODEL_JSON : names.length === 1 ? names[0] : undefined;
  return {label: main ?? 'files', main, files};
}

/** TensorFlow.js' ModelArtifacts as the files that they were loaded from. */
function fromArtifacts({weightSpecs, weightData, ...rest}) {
  const buffers = [weightData ?? new ArrayBuffer(0)].flat();
  const files = buffers.map((buffer, i) => [`weights${i}.bin`, bytesOf(buffer, 'weightData')]);
  const weightsManifest = [{paths: files.map(([name]) => name), weights: weightSpecs ?? []}];
  const format = rest.format ?? (rest.modelTopology?.node ? 'graph-model' : 'layers-model');
  const json = {...rest, format, weightsManifest};
  return {label: MODEL_JSON, main: MODEL_JSON, files: [[MODEL_JSON, encoder.encode(JSON.stringify(json))], ...files]};
}

/** Names of the shards that a model.json names. */
export function shardsOf(json) {
  const groups = JSON.parse(json).weightsManifest ?? [];
  return groups.flatMap(group => group.paths ?? []);
}

/**
 * @param {string|URL} url
 * @param {{fetchFunc?: typeof fetch, requestInit?: RequestInit}} options
 */
export async function fromUrl(url, {fetchFunc = globalThis.fetch, requestInit} = {}) {
  const get = async target => {
    const response = await fetchFunc(String(target), requestInit);
    if (!response.ok) throw new Error(`${target}: the server answers ${response.status} ${response.statusText}`.trim());
    return new Uint8Array(await response.arrayBuffer());
  };
  const base = new URL(url, globalThis.location?.href);
  const main = decodeURIComponent(base.pathname.split('/').pop()) || MODEL_JSON;
  const bytes = await get(base);
  if (!main.endsWith('.json')) return {label: String(url), main, files: [[main, bytes]]};
  const shards = await Promise.all(shardsOf(new TextDecoder().decode(bytes)).map(async name => {
    const target = new URL(name, base);
    target.search ||= base.search;
    return [name, await get(target)];
  }));
  return {label: String(url), main, files: [[main, bytes], ...shards]};
}
