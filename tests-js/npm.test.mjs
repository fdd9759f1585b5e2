// The npm package as a program uses it: sources, inputs, outputs, conversion, errors.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import {test} from 'node:test';
import {pathToFileURL} from 'node:url';
import zlib from 'node:zlib';
import {packageFolder} from './engine-cases.mjs';

const root = path.join(import.meta.dirname, '..');
const {convert, GraphModel, LayersModel, loadGraphModel, loadLayersModel, memory} = await import(pathToFileURL(path.join(packageFolder, 'node.js')));
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

test('each function loads its own kind of model and names the other for the other', async () => {
  assert(await loadGraphModel(artifacts(1)) instanceof GraphModel);
  assert(await loadLayersModel(tutorial) instanceof LayersModel);
  const {numModels} = await memory();
  await assert.rejects(loadLayersModel(artifacts(1)), /it is a TensorFlow\.js graph model, not a model of layers; loadGraphModel loads it/);
  await assert.rejects(loadGraphModel(tutorial), /tutorial\.keras: it is a Keras .*, not a graph model; loadLayersModel loads it/);
  const {files} = await convert(tutorial);
  await assert.rejects(loadGraphModel(files), /it is a TensorFlow\.js layers model, not a graph model; loadLayersModel loads it/);
  assert.equal((await memory()).numModels, numModels);
  const {inputNodes, outputNodes} = await loadGraphModel(artifacts(1));
  assert.deepEqual([inputNodes, outputNodes], [['x'], ['y']]);
});

test('what a user chose and the parts of a model load', async () => {
  const {files} = await convert(tutorial);
  const wanted = (await loadLayersModel(tutorial)).predict([[3]]).data[0];
  const {'model.json': modelJson, ...weights} = files;
  const text = new TextDecoder().decode(modelJson);
  const shards = Object.values(weights).map(bytes => bytes.slice().buffer);
  const chosen = Object.entries(files).map(([name, bytes]) => new File([bytes], name));
  for (const source of [
    chosen, new Map(Object.entries(files)), {modelJson, weights}, {modelJson: text, weights: shards},
    {modelJson: JSON.parse(text), weights: shards[0]}, {load: async () => ({modelJson, weights})},
  ]) {
    const model = await loadLayersModel(source);
    assert.equal(model.predict([[3]]).data[0], wanted);
    model.dispose();
  }
  await assert.rejects(loadLayersModel({modelJson: text, weights: []}), /no shard is listed/);
});

/** A graph that gives each of its inputs back. */
function echo(dtypes) {
  const node = Object.entries(dtypes).flatMap(([name, type]) => [
    {name, op: 'Placeholder', attr: {dtype: {type}, shape: {shape: {unknownRank: true}}}},
    {name: `${name}_out`, op: 'Identity', input: [name], attr: {T: {type}}},
  ]);
  return {format: 'graph-model', modelTopology: {node, versions: {producer: 1}}, weightSpecs: [], weightData: new ArrayBuffer(0)};
}

test('every type goes in and comes out as it is', async () => {
  const model = await loadGraphModel(echo({
    big: 'DT_INT64', truth: 'DT_BOOL', text: 'DT_STRING', pairs: 'DT_COMPLEX64', small: 'DT_INT8', wide: 'DT_DOUBLE',
  }));
  const large = 2n ** 62n + 1n;
  const inputs = {
    big: {data: BigInt64Array.of(large, -1n), shape: [2]}, truth: [[true], [false]], text: ['a', 'ü', ''],
    pairs: {data: Float32Array.of(1, 2, 3, 4), shape: [2], dtype: 'complex64'}, small: Int8Array.of(-128), wide: 0.1,
  };
  const names = Object.keys(inputs);
  const outputs = names.map(name => `${name}_out`);
  const plain = ({data, shape, dtype}) => ({type: data.constructor.name, data: [...data], shape, dtype});
  const small = {data: Int8Array.of(-128), shape: [1]};
  const wanted = [
    {type: 'BigInt64Array', data: [large, -1n], shape: [2], dtype: 'int64'},
    {type: 'Uint8Array', data: [1, 0], shape: [2, 1], dtype: 'bool'},
    {type: 'Array', data: ['a', 'ü', ''], shape: [3], dtype: 'string'},
    {type: 'Float32Array', data: [1, 2, 3, 4], shape: [2], dtype: 'complex64'},
    {type: 'Int8Array', data: [-128], shape: [1], dtype: 'int8'},
    {type: 'Float64Array', data: [0.1], shape: [], dtype: 'float64'},
  ];
  for (const given of [{...inputs, small}, new Map(Object.entries({...inputs, small})), names.map(name => ({...inputs, small})[name])]) {
    const found = await model.executeAsync(given, outputs);
    assert.deepEqual(found.map(plain), wanted);
  }
  // Numbers that a type does not hold are no numbers of that type.
  for (const [name, value] of [['big', 0.5], ['small', 128], ['truth', 2], ['text', 1], ['big', NaN]]) {
    await assert.rejects(model.executeAsync({...inputs, small, [name]: [value]}, outputs), new RegExp(`input ${name}`), name);
  }
  await assert.rejects(model.executeAsync(inputs, outputs), /input small: the shape is not clear/);
  assert.throws(() => model.execute({...inputs, small: undefined}, outputs), /input small/);
});

test('what is disposed is memory for the next model', async () => {
  const weights = new Float32Array(1 << 20).fill(1);
  const large = artifacts(0);
  large.weightSpecs = [{name: 'w', shape: [1 << 19, 2], dtype: 'float32'}];
  large.weightData = weights.buffer;
  const once = async () => {
    const model = await loadGraphModel(large);
    assert.deepEqual(model.predict([[1, 2]]).shape, [1 << 19, 2]);
    model.dispose();
    model.dispose();
  };
  for (let i = 0; i < 5; i++) await once();
  const before = await memory();
  for (let i = 0; i < 20; i++) await once();
  // One model that stayed would be four megabytes.
  assert.deepEqual(await memory(), before);
});

test('tables are filled from files beside the model, from a URL and from memory', async t => {
  const attr = {key_dtype: {type: 'DT_STRING'}, value_dtype: {type: 'DT_INT64'}};
  const modelInitializer = {node: [
    {name: 'table', op: 'HashTableV2', attr: {...attr, shared_name: {s: btoa('t')}}},
    {name: 'file', op: 'Const', attr: {dtype: {type: 'DT_STRING'}}},
    {name: 'fill', op: 'InitializeTableFromTextFileV2', input: ['table', 'file'], attr: {key_index: {i: '-2'}, value_index: {i: '-1'}, vocab_size: {i: '-1'}, delimiter: {s: btoa('\t')}}},
  ]};
  const node = [
    {name: 'x', op: 'Placeholder', attr: {dtype: {type: 'DT_STRING'}, shape: {shape: {dim: [{size: '-1'}]}}}},
    {name: 'table', op: 'Placeholder', attr: {dtype: {type: 'DT_RESOURCE'}, shape: {shape: {}}}},
    {name: 'none', op: 'Const', attr: {dtype: {type: 'DT_INT64'}}},
    {name: 'y', op: 'LookupTableFindV2', input: ['table', 'x', 'none'], attr: {Tin: {type: 'DT_STRING'}, Tout: {type: 'DT_INT64'}}},
  ];
  const json = {
    format: 'graph-model', modelTopology: {node, versions: {producer: 1}}, modelInitializer,
    initializerSignature: {outputs: {table: {name: 'table:0', dtype: 'DT_RESOURCE', tensorShape: {}, resourceId: 1}}},
    signature: {
      inputs: {x: {name: 'x:0', dtype: 'DT_STRING', tensorShape: {dim: [{size: '-1'}]}}, table: {name: 'table:0', dtype: 'DT_RESOURCE', tensorShape: {}, resourceId: 1}},
      outputs: {y: {name: 'y:0', dtype: 'DT_INT64', tensorShape: {dim: [{size: '-1'}]}}},
    },
    weightsManifest: [{
      paths: ['w.bin'],
      weights: [{name: 'none', shape: [], dtype: 'int32'}, {name: 'file', shape: [], dtype: 'string'}],
    }],
  };
  const weights = Buffer.concat([Buffer.from(Int32Array.of(-1, 9).buffer), Buffer.from('words.txt')]);
  const words = 'cat\ndog\n';
  const zip = stored('words.txt', Buffer.from(words));
  const asked = [];
  const server = http.createServer((request, response) => {
    asked.push(request.url);
    const body = {'/m/model.json': JSON.stringify(json), '/m/assets.zip': zip, '/m/w.bin': weights}[request.url];
    if (!body) response.writeHead(404);
    response.end(body ?? '');
  });
  await new Promise(resolve => server.listen(0, '127.0.0.1', resolve));
  t.after(() => server.close());
  const origin = `http://127.0.0.1:${server.address().port}`;
  let fraction = 0;
  for (const [source, options] of [
    [`${origin}/m/model.json`, {onProgress: part => { fraction = part; }}],
    [{modelJson: json, weights, assets: {'words.txt': words}}], [{modelJson: json, weights: {'w.bin': weights}, assets: zip}],
    [{'model.json': json, 'w.bin': weights}, {assets: {'words.txt': words}}], [{'model.json': json, 'w.bin': weights, 'assets.zip': zip}],
  ]) {
    const model = await loadGraphModel(source, options);
    assert.deepEqual([...model.predict(['dog', 'cow', 'cat']).data], [1n, -1n, 0n]);
    model.dispose();
  }
  assert.deepEqual([asked.sort(), fraction], [['/m/assets.zip', '/m/model.json', '/m/w.bin'], 1]);
  const without = await loadGraphModel({modelJson: json, weights});
  assert.throws(() => without.predict(['dog']), /words\.txt/);
});

/** A ZIP archive of one file as it is. */
function stored(name, content) {
  const crc = zlib.crc32?.(content) ?? crc32(content);
  const header = (signature, rest) => {
    const fields = Buffer.alloc(26);
    fields.writeUInt16LE(20, 0);
    fields.writeUInt32LE(crc, 10);
    fields.writeUInt32LE(content.length, 14);
    fields.writeUInt32LE(content.length, 18);
    fields.writeUInt16LE(name.length, 22);
    return Buffer.concat([Buffer.from(signature), fields, rest, Buffer.from(name)]);
  };
  const local = header('PK\x03\x04', Buffer.alloc(0));
  const entry = header('PK\x01\x02\x14\0', Buffer.alloc(14));
  const end = Buffer.alloc(22);
  end.write('PK\x05\x06');
  end.writeUInt16LE(1, 8);
  end.writeUInt16LE(1, 10);
  end.writeUInt32LE(entry.length, 12);
  end.writeUInt32LE(local.length + content.length, 16);
  return Buffer.concat([local, content, entry, end]);
}

/** For a Node whose zlib does not tell. */
function crc32(bytes) {
  let crc = ~0;
  for (const byte of bytes) {
    crc ^= byte;
    for (let i = 0; i < 8; i++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return ~crc >>> 0;
}
