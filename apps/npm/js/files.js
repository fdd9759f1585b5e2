// What a caller points at, as files by name: {label, main, files, assets}.

const encoder = new TextEncoder();
const decoder = new TextDecoder();
const MODEL_JSON = 'model.json';
const ASSETS_ZIP = 'assets.zip';

/** What tables and vocabularies are filled from lies in `assets.zip`; other models have no such file to ask a server for. */
const NEEDS_ASSETS = /"(InitializeTableFromTextFile|InitializeTableFromTextFileV2|TextVectorization|StringLookup|IntegerLookup)"/;

/** Bytes of whatever stands for a file. */
export function bytesOf(value, name) {
  if (value instanceof Uint8Array) return value;
  if (ArrayBuffer.isView(value)) return new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
  if (value instanceof ArrayBuffer || isShared(value)) return new Uint8Array(value);
  if (typeof value === 'string') return encoder.encode(value);
  if (value !== null && typeof value === 'object' && !Array.isArray(value)) return encoder.encode(JSON.stringify(value));
  throw new TypeError(`${name}: a file is bytes, a string, or an object that becomes JSON`);
}

const isShared = value => typeof SharedArrayBuffer !== 'undefined' && value instanceof SharedArrayBuffer;
const isBytes = value => value instanceof ArrayBuffer || isShared(value) || ArrayBuffer.isView(value);
const isFile = value => value !== null && typeof value === 'object' && typeof value.name === 'string' && typeof value.arrayBuffer === 'function';

/** @param {object} source files by name, `File`s, `{modelJson, weights, assets}`, ModelArtifacts of TensorFlow.js, or an IOHandler */
export async function fromMemory(source) {
  if (source === null || typeof source !== 'object') {
    throw new TypeError('a model is a URL, a path, or files in memory');
  }
  if (typeof source.load === 'function') return fromMemory(await source.load());
  if ('modelTopology' in source) return fromArtifacts(source);
  if ('modelJson' in source) return fromParts(source);
  return named(await entriesOf(source));
}

async function entriesOf(source) {
  if (source instanceof Map) return [...source].map(([name, value]) => [name, bytesOf(value, name)]);
  const list = isFile(source) ? [source] : Array.from(typeof source.length === 'number' ? source : []);
  if (list.length > 0 && list.every(isFile)) {
    return Promise.all(list.map(async file => [file.name, new Uint8Array(await file.arrayBuffer())]));
  }
  return Object.entries(source).map(([name, value]) => [name, bytesOf(value, name)]);
}

function named(files) {
  if (files.length === 0) throw new TypeError('there are no files');
  const names = files.map(([name]) => name);
  const main = names.includes(MODEL_JSON) ? MODEL_JSON : names.length === 1 ? names[0] : undefined;
  return {label: main ?? 'files', main, files, assets: []};
}

/** TensorFlow.js' ModelArtifacts as the files that they were loaded from. */
function fromArtifacts({weightSpecs, weightData, ...rest}) {
  const format = rest.format ?? (rest.modelTopology?.node ? 'graph-model' : 'layers-model');
  const json = {...rest, format, weightsManifest: [{paths: [], weights: weightSpecs ?? []}]};
  return fromParts({modelJson: json, weights: weightData ?? new ArrayBuffer(0)});
}

/** A model.json, its weights (all shards in order, or by the names that the model.json has) and what lies beside them. */
function fromParts({modelJson, weights = [], assets}) {
  const json = isBytes(modelJson) ? JSON.parse(decoder.decode(bytesOf(modelJson, MODEL_JSON)))
    : typeof modelJson === 'string' ? JSON.parse(modelJson) : {...modelJson};
  const files = [];
  if (isBytes(weights) || Array.isArray(weights)) {
    const shards = [weights].flat().map((shard, i) => [`weights${i}.bin`, bytesOf(shard, `weights[${i}]`)]);
    files.push(...shards);
    const specs = (json.weightsManifest ?? []).flatMap(group => group.weights ?? []);
    json.weightsManifest = [{paths: shards.map(([name]) => name), weights: specs}];
  } else {
    files.push(...Object.entries(weights).map(([name, value]) => [name, bytesOf(value, name)]));
  }
  files.unshift([MODEL_JSON, encoder.encode(JSON.stringify(json))]);
  return withAssets({label: MODEL_JSON, main: MODEL_JSON, files, assets: []}, assets);
}

/** Adds what a caller gives beside the model: `assets.zip`, or the files in it by name. */
export function withAssets(opened, assets) {
  if (assets === undefined) return opened;
  if (isBytes(assets)) {
    const others = opened.files.filter(([name]) => name !== ASSETS_ZIP);
    return {...opened, files: [...others, [ASSETS_ZIP, bytesOf(assets, ASSETS_ZIP)]]};
  }
  const entries = assets instanceof Map ? [...assets] : Object.entries(assets);
  return {...opened, assets: entries.map(([name, value]) => [name, bytesOf(value, name)])};
}

/** Names of the shards that a model.json names. */
export function shardsOf(json) {
  const groups = JSON.parse(json).weightsManifest ?? [];
  return groups.flatMap(group => group.paths ?? []);
}

class HttpError extends Error {
  constructor(target, {status, statusText}) {
    super(`${target}: the server answers ${status} ${statusText}`.trim());
    this.status = status;
  }
}

/**
 * @param {string|URL} url
 * @param {{fetchFunc?: typeof fetch, requestInit?: RequestInit, weightPathPrefix?: string,
 *   weightUrlConverter?: (name: string) => string|Promise<string>, onProgress?: (fraction: number) => void}} options
 */
export async function fromUrl(url, {fetchFunc = globalThis.fetch, requestInit, weightPathPrefix, weightUrlConverter, onProgress} = {}) {
  const get = async target => {
    const response = await fetchFunc(String(target), requestInit);
    if (!response.ok) throw new HttpError(target, response);
    return new Uint8Array(await response.arrayBuffer());
  };
  const base = new URL(url, globalThis.location?.href);
  const main = decodeURIComponent(base.pathname.split('/').pop()) || MODEL_JSON;
  const bytes = await get(base);
  const opened = {label: String(url), main, files: [[main, bytes]], assets: []};
  if (!main.endsWith('.json')) {
    onProgress?.(1);
    return opened;
  }
  const beside = (name, prefix = base) => {
    // A model says what its shards are called, not whom else to ask.
    if (/^([a-z][a-z0-9+.-]*:|[/\\]{2})/i.test(name)) throw new Error(`${url}: the shard ${name} is not beside the model`);
    const target = new URL(name, prefix);
    target.search ||= base.search;
    return target;
  };
  const prefix = weightPathPrefix && new URL(weightPathPrefix.replace(/\/?$/, '/'), base);
  const text = decoder.decode(bytes);
  const names = shardsOf(text);
  let n_done = 0;
  const step = () => onProgress?.(++n_done / (names.length + 1));
  step();
  const shards = names.map(async name => {
    const target = weightUrlConverter ? await weightUrlConverter(name) : beside(name, prefix);
    const shard = [name, await get(target)];
    step();
    return shard;
  });
  const assets = NEEDS_ASSETS.test(text) ? [assetsAt(get, beside(ASSETS_ZIP))] : [];
  opened.files.push(...(await Promise.all([...shards, ...assets])).filter(file => file));
  return opened;
}

async function assetsAt(get, target) {
  try {
    return [ASSETS_ZIP, await get(target)];
  } catch (error) {
    // Many such models have their words in themselves.
    if (error.status === 404) return undefined;
    throw error;
  }
}
