// Makes models with TensorFlow.js itself and saves them as it does: input fixtures that no Python wrote.
//
//   cargo xtask pack-saved-by-tfjs       runs this and packs the result into fixtures/tfjs-saved.tar.gz
import fs from 'node:fs';
import path from 'node:path';

console.warn = () => {};
const {default: module, ...named} = await import('@tensorflow/tfjs');
const tf = module ?? named;
await tf.setBackend('cpu');

const [out] = process.argv.slice(2);
const seeded = seed => tf.initializers.glorotUniform({seed});
const dense = (units, seed, rest) => tf.layers.dense({units, kernelInitializer: seeded(seed), ...rest});

/** As Node's file handler does: `weights.bin`. */
const inNode = {file: 'weights.bin', path: 'weights.bin'};
/** As a download in a browser does: `model.weights.bin`, with `./` before it in the manifest. */
const inBrowser = {file: 'model.weights.bin', path: './model.weights.bin'};

const makers = {
  async mlp_trained() {
    const model = tf.sequential({layers: [
      dense(4, 1, {inputShape: [3], activation: 'relu', name: 'hidden'}), dense(2, 2, {activation: 'softmax', name: 'probs'}),
    ]});
    model.compile({optimizer: tf.train.adam(0.01), loss: 'categoricalCrossentropy', metrics: ['accuracy']});
    const x = tf.randomUniform([16, 3], -1, 1, 'float32', 3);
    await model.fit(x, tf.oneHot(tf.range(0, 16, 1, 'int32').mod(2).toInt(), 2), {epochs: 3, shuffle: false, verbose: 0});
    model.setUserDefinedMetadata({labels: ['no', 'yes'], made: {by: 'tests-js'}});
    return {model, inputs: [[2, 3]], save: {includeOptimizer: true}, layout: inNode};
  },
  async cnn() {
    const input = tf.input({shape: [8, 8, 2], name: 'image'});
    const conv = tf.layers.conv2d({filters: 3, kernelSize: 3, padding: 'same', kernelInitializer: seeded(4)}).apply(input);
    const norm = tf.layers.batchNormalization({axis: -1}).apply(conv);
    const pool = tf.layers.maxPooling2d({poolSize: 2}).apply(tf.layers.reLU().apply(norm));
    const depth = tf.layers.depthwiseConv2d({kernelSize: 3, depthwiseInitializer: seeded(5)}).apply(pool);
    const probs = dense(2, 6, {name: 'probs'}).apply(tf.layers.flatten().apply(depth));
    return {model: tf.model({inputs: input, outputs: probs}), inputs: [[2, 8, 8, 2]], layout: inBrowser};
  },
  async recurrent() {
    const of = (seed, rest) => ({kernelInitializer: seeded(seed), recurrentInitializer: seeded(seed + 1), ...rest});
    const model = tf.sequential({layers: [
      tf.layers.embedding({inputDim: 11, outputDim: 4, inputLength: 6, embeddingsInitializer: tf.initializers.randomUniform({seed: 7, minval: -1, maxval: 1})}),
      tf.layers.gru(of(8, {units: 3, returnSequences: true, resetAfter: false})),
      tf.layers.bidirectional({layer: tf.layers.lstm(of(10, {units: 2, returnSequences: true})), mergeMode: 'concat'}),
      tf.layers.simpleRNN(of(12, {units: 3})), dense(1, 14),
    ]});
    return {model, inputs: [[2, 6]], dtype: 'int32', layout: inBrowser};
  },
  async nested() {
    const block = (seed, name) => tf.sequential({name, layers: [dense(4, seed, {inputShape: [4], name: 'a'}), dense(4, seed + 1, {name: 'b'})]});
    const [left, right] = [tf.input({shape: [4], name: 'left'}), tf.input({shape: [4], name: 'right'})];
    const shared = block(20, 'shared');
    const sum = tf.layers.add().apply([shared.apply(left), shared.apply(right)]);
    const both = tf.layers.concatenate().apply([sum, left]);
    const outputs = [dense(2, 24, {name: 'score'}).apply(both), dense(3, 26, {name: 'cls', useBias: false}).apply(sum)];
    return {model: tf.model({inputs: [left, right], outputs}), inputs: [[3, 4], [3, 4]], layout: inNode};
  },
};

/** An array as in `js-cases/index.json`. */
async function described(name, tensor) {
  const data = await tensor.data();
  return {name, dtype: tensor.dtype, shape: tensor.shape, base64: Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString('base64')};
}

function handler(folder, layout) {
  return tf.io.withSaveHandler(async artifacts => {
    const {weightData, weightSpecs, ...rest} = artifacts;
    const json = {...rest, weightsManifest: [{paths: [layout.path], weights: weightSpecs}]};
    fs.writeFileSync(path.join(folder, 'model.json'), JSON.stringify(json));
    fs.writeFileSync(path.join(folder, layout.file), Buffer.from(weightData));
    return {modelArtifactsInfo: {dateSaved: new Date(0), modelTopologyType: 'JSON'}};
  });
}

for (const [name, make] of Object.entries(makers)) {
  const {model, inputs, dtype, save, layout} = await make();
  const folder = path.join(out, name);
  fs.mkdirSync(folder, {recursive: true});
  await model.save(handler(folder, layout), save);
  const tensors = inputs.map((shape, i) => dtype === 'int32'
    ? tf.randomUniform(shape, 0, 10, 'int32', 30 + i) : tf.randomUniform(shape, -1, 1, 'float32', 30 + i));
  const outputs = [model.predict(tensors.length === 1 ? tensors[0] : tensors)].flat();
  const call = {
    by_name: false,
    inputs: await Promise.all(tensors.map((tensor, i) => described(model.inputNames[i], tensor))),
    outputs: await Promise.all(outputs.map((tensor, i) => described(model.outputNames[i], tensor))),
  };
  fs.writeFileSync(path.join(folder, 'calls.json'), JSON.stringify({tfjs: tf.version.tfjs, calls: [call]}));
}
