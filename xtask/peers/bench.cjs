// Times one engine on one model in one process: node bench.cjs ENGINE MODEL THREADS WARM_UP RUNS.
// It is started in the folder whose node_modules has the peers, and prints JSON. MODEL of `tensorferry-wasm` is the
// package's folder, a comma, and the model.
'use strict';
const fs = require('node:fs');
const path = require('node:path');
const {pathToFileURL} = require('node:url');
const load = require('node:module').createRequire(path.join(process.cwd(), 'peers.cjs'));

const [engine, model, threads, warmUp, runs] = process.argv.slice(2);
const image = Float32Array.from({length: 224 * 224 * 3}, (_, i) => ((i * 7919) % 2003) / 2003);
const shape = [1, 224, 224, 3];

async function tfjsWasm() {
  const tf = load('@tensorflow/tfjs');
  const wasm = load('@tensorflow/tfjs-backend-wasm');
  wasm.setThreadsCount(Number(threads));
  if (!(await tf.setBackend('wasm'))) throw new Error('the wasm backend does not start');
  const json = JSON.parse(fs.readFileSync(model, 'utf8'));
  const folder = path.dirname(model);
  const files = json.weightsManifest.flatMap((group) => group.paths);
  const bytes = Buffer.concat(files.map((file) => fs.readFileSync(path.join(folder, file))));
  const loaded = await tf.loadGraphModel({
    load: async () => ({
      ...json,
      weightSpecs: json.weightsManifest.flatMap((group) => group.weights),
      weightData: bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength),
    }),
  });
  const input = tf.tensor(image, shape);
  return async () => {
    const output = loaded.predict(input);
    const data = await output.data();
    output.dispose();
    return data;
  };
}

async function tensorferryWasm() {
  const [folder, file] = model.split(',');
  const {loadGraphModel} = await import(pathToFileURL(path.join(folder, 'node.js')).href);
  const loaded = await loadGraphModel(file);
  return async () => loaded.predict({data: image, shape}).data;
}

async function onnxRuntime(name) {
  const ort = load(name);
  if (ort.env.wasm && name.endsWith('-web')) ort.env.wasm.numThreads = Number(threads);
  const session = await ort.InferenceSession.create(name.endsWith('-web') ? fs.readFileSync(model) : model, {
    intraOpNumThreads: Number(threads),
    interOpNumThreads: 1,
    graphOptimizationLevel: 'all',
  });
  const input = new ort.Tensor('float32', image, shape);
  return async () => (await session.run({[session.inputNames[0]]: input}))[session.outputNames[0]].data;
}

const ENGINES = {
  'tensorferry-wasm': tensorferryWasm,
  'tfjs-wasm': tfjsWasm,
  'onnxruntime-node': () => onnxRuntime('onnxruntime-node'),
  'onnxruntime-web': () => onnxRuntime('onnxruntime-web'),
};

async function main() {
  const start = performance.now();
  const once = await ENGINES[engine]();
  const load_ms = performance.now() - start;
  let first_ms;
  let output;
  for (let i = 0; i < Number(warmUp) + 1; i++) {
    const start = performance.now();
    output = await once();
    first_ms ??= performance.now() - start;
    // Between runs the compiler's threads hand their code over.
    await new Promise((resolve) => setTimeout(resolve, 0));
  }
  const times = [];
  const before = process.cpuUsage();
  for (let i = 0; i < Number(runs); i++) {
    const start = performance.now();
    await once();
    times.push(performance.now() - start);
  }
  const cpu = process.cpuUsage(before);
  times.sort((a, b) => a - b);
  const middle = times.length >> 1;
  const median = times.length % 2 ? times[middle] : (times[middle - 1] + times[middle]) / 2;
  const cpu_ms = (cpu.user + cpu.system) / 1e3 / times.length;
  const best = output.reduce((best, y, i) => (y > output[best] ? i : best), 0);
  const result = {engine, load_ms, first_ms, median_ms: median, cpu_ms, n_outputs: output.length, best, best_value: output[best]};
  process.stdout.write(`${JSON.stringify(result)}\n`, () => process.exit(0));
}

main().catch((error) => {
  process.stderr.write(`${error?.stack ?? error}\n`);
  process.exit(1);
});
