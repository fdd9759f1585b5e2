// The npm package as a program uses it: sources, inputs, outputs, conversion, errors.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import {test} from 'node:test';
import {pathToFileURL} from 'node:url';
import {packageFolder} from './engine-cases.mjs';

const root = path.join(import.meta.dirname, '..');
const {convert, loadGraphModel, loadLayersModel} = await import(pathToFileURL(path.join(packageFolder, 'node.js')));
const tutorial = path.join(root, 'examples', 'tutorial.keras');

/** `y = relu(x) * w` of two columns, as TensorFlow.js keeps it in memory. */
function artifacts(w) {
  const type = name => ({type: name});
  const shape = {shape: {dim: [{size: '-1'}, {size: '2'}]}};
  const node = [
    {name: 'x', op: 'Placeholder', attr: {dtype: type('DT_FLOAT'), ...{shape}}},
    {name: 'w', op: 'Const', attr: {dtype: type('DT_FLOAT')}},
    {name: 'relu', op: 'Relu', input: ['x'], attr: {T: type('DT_FLOAT')}},
    {name: 'y', op: 'Mul', input: ['relu', 'w'], attr: {T: type('DT_FLOAT')}},
  ];
  return {
    format: 'graph-model',
    modelTopology: {node, versions: {producer: 1}},
    weightSpecs: [{name: 'w', shape: [], dtype: 'float32'}],
    weightData: new Float32Array([w]).buffer,
  };
}

const close = (found, wanted, tolerance) =>
  assert(Math.abs(found - wanted) <= tolerance, `${found} instead of ${wanted}`);

test('a Keras file runs from a path, a file URL and memory', async () => {
  const bytes = fs.readFileSync(tutorial);
  for (const source of [tutorial, pathToFileURL(tutorial), {'tutorial.keras': bytes}, new Map([['m.keras', bytes]])]) {
    const model = await loadLayersModel(source);
    assert.equal(model.inputs.length, 1);
    assert.equal(model.inputs[0].dtype, 'float32');
    const y = model.predict({data: new Float32Array([10, -1]), shape: [2, 1]});
    assert.deepEqual([y.shape, y.dtype], [[2, 1], 'float32']);
    close(y.data[0], 19, 0.2);
    close(y.data[1], -3, 0.2);
    model.dispose();
    assert.throws(() => model.predict([[1]]), /the model is disposed/);
  }
});

test('what is converted in memory computes the same and loads again', async () => {
  const source = {'tutorial.h5': fs.readFileSync(path.join(root, 'examples', 'tutorial.h5'))};
  const {files, report} = await convert(source, {metadata: {author: 'me'}});
  assert.equal(report.output, 'TensorFlow.js layers model');
  const json = JSON.parse(new TextDecoder().decode(files['model.json']));
  assert.equal(json.userDefinedMetadata.author, 'me');
  const [before, after] = [await loadLayersModel(source), await loadLayersModel(files)];
  assert.deepEqual(after.predict([[3], [4]]).data, before.predict([[3], [4]]).data);
  const back = await convert(files, {outputFormat: 'keras'});
  assert.equal(Object.keys(back.files).length, 1);
  await assert.rejects(convert(source, {quantise: true}), /unknown field `quantise`/);
  await assert.rejects(convert({'x.h5': new Uint8Array(3)}), /x\.h5/);
});

test('artifacts, handlers and URLs of TensorFlow.js load', async t => {
  const {weightSpecs, weightData, ...rest} = artifacts(10);
  const json = JSON.stringify({...rest, weightsManifest: [{paths: ['shards/w.bin'], weights: weightSpecs}]});
  const server = http.createServer((request, response) => {
    const {pathname, search} = new URL(request.url, 'http://localhost');
    const body = {'/m/model.json': json, '/m/shards/w.bin': Buffer.from(weightData)}[pathname];
    if (!body || search !== '?v=1') response.writeHead(404);
    response.end(body ?? '');
  });
  await new Promise(resolve => server.listen(0, '127.0.0.1', resolve));
  t.after(() => server.close());
  const url = `http://127.0.0.1:${server.address().port}/m/model.json`;
  for (const source of [artifacts(10), {load: async () => artifacts(10)}, `${url}?v=1`]) {
    const model = await loadGraphModel(source);
    assert.deepEqual(model.inputs, [{name: 'x', dtype: 'float32', shape: [null, 2]}]);
    assert.deepEqual([...model.predict(new Float32Array([1, -1, 2, 3])).data], [10, 0, 20, 30]);
  }
  await assert.rejects(loadGraphModel(url), /the server answers 404/);
});

test('inputs come in many forms and outputs by name', async () => {
  const model = await loadGraphModel(artifacts(2));
  const tensor = {dataSync: () => new Int32Array([1, 2]), shape: [1, 2], dtype: 'int32'};
  for (const input of [
    [[1, 2]], {x: [[1, 2]]}, {'x:0': [[1, 2]]}, {data: [1, 2], shape: [1, 2]}, [{data: [1, 2], shape: [1, 2]}],
    new Float64Array([1, 2]), tensor, {x: tensor}, [tensor],
  ]) {
    assert.deepEqual([...model.predict(input).data], [2, 4], JSON.stringify(input));
  }
  assert.deepEqual([...model.execute([[-1, 2]], 'relu').data], [0, 2]);
  const both = await model.executeAsync({x: [[-1, 2]]}, ['y', 'relu']);
  assert.deepEqual(both.map(({name, shape}) => [name, shape]), [['y', [1, 2]], ['relu', [1, 2]]]);
});

test('errors say what is wrong and leave the model usable', async () => {
  const model = await loadGraphModel(artifacts(2));
  for (const [input, words] of [
    [[[1, 2, 3]], /input x: the shape does not go with the model, expected float32 \[\?, 2\], found float32 \[1, 3\]/],
    [{z: [[1, 2]]}, /the model has no input `z`/],
    [{}, /the input `x` is missing/],
    [[['a', 'b']], /input x: a is no number/],
    [{data: [1, 2, 3], shape: [1, 2]}, /3 elements, and the shape \[1,2\] has 2/],
    [undefined, /input x/],
  ]) {
    assert.throws(() => model.predict(input), words, JSON.stringify(input));
  }
  assert.throws(() => model.execute([[1, 2]], 'nothing'), /the model has no output `nothing`/);
  assert.deepEqual([...model.predict([[1, 2]]).data], [2, 4]);
  const broken = artifacts(2);
  broken.modelTopology.node[2].op = 'Nonsense';
  await assert.rejects(loadGraphModel(broken), /`Nonsense` is not supported/);
  const endless = await loadGraphModel(artifacts(2), {maxSteps: 1});
  assert.throws(() => endless.predict([[1, 2]]), /too many steps/);
  for (const source of [null, 5, {}, {'model.json': '{'}]) await assert.rejects(loadGraphModel(source));
});
