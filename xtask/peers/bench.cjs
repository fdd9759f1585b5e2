// Times one peer on one model in one process: node bench.cjs ENGINE MODEL THREADS WARM_UP RUNS.
// It is started in the folder whose node_modules has the peers, and prints JSON.
'use strict';
const fs = require('node:fs');
const path = require('node:path');
const load = require('node:module').createRequire(path.join(process.cwd(), 'peers.cjs'));

const [engine, model, threads, warmUp, runs] = process.argv.slice(2);
const image = Float32Array.from({length: 224 * 224 * 3}, (_, i) => ((i * 7919) % 2003) / 2003);

async function tfjsWasm() {
  const tf = load('@tensorflow/tfjs');
  const wasm = load('@tensorflow/tfjs-backend-wasm');
  wasm.setThreadsCount(Number(threads));
  if (!(await tf.setBackend('wasm'))) throw new Error('the wasm backend does not start');
  const json = JSON.parse(fs.readFileSync(model, 'utf8'));
  const folder = path.dirname(model);
  const files = json.weightsManifest.flatMap((group) => group.paths);
  const bytes = Buffer.concat(files.map((file) => fs.readFileSync(path.join(folder, file))));
  const loaded = await tf.loadLayersModel({
    load: async () => ({
      modelTopology: json.modelTopology,
      weightSpecs: json.weightsManifest.flatMap((group) => group.weights),
      weightData: bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength),
    }),
  });
  const input = tf.tensor(image, [1, 224, 224, 3]);
  return async () => {
    const output = loaded.predict(input);
    await output.data();
    output.dispose();
  };
}

async function onnxRuntime() {
  const ort = load('onnxruntime-node');
  const session = await ort.InferenceSession.create(model, {
    intraOpNumThreads: Number(threads),
    interOpNumThreads: 1,
  });
  const input = new ort.Tensor('float32', image, [1, 224, 224, 3]);
  return () => session.run({[session.inputNames[0]]: input});
}

async function main() {
  const once = await {'tfjs-wasm': tfjsWasm, 'onnxruntime-node': onnxRuntime}[engine]();
  const times = [];
  for (let i = 0; i < Number(warmUp) + Number(runs); i++) {
    const start = performance.now();
    await once();
    if (i >= Number(warmUp)) times.push(performance.now() - start);
  }
  times.sort((a, b) => a - b);
  const middle = times.length >> 1;
  const median = times.length % 2 ? times[middle] : (times[middle - 1] + times[middle]) / 2;
  process.stdout.write(JSON.stringify({engine, median_ms: median}));
}

main().catch((error) => {
  process.stderr.write(`${error}\n`);
  process.exit(1);
});
