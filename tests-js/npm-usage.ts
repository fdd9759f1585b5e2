// The package's types as a program uses them; `npm.types.test.mjs` has the compiler read it. Nothing here runs.
import {
  convert, GraphModel, LayersModel, loadGraphModel, loadLayersModel, memory, Model, ready,
  type Inputs, type Tensor, type TensorSpec,
} from 'tensorferry';

export async function usage(files: FileList): Promise<void> {
  await ready(new URL('https://example.com/tensorferry_bg.wasm'));
  const graph: GraphModel = await loadGraphModel('model.json', {onProgress: fraction => fraction.toFixed(), maxSteps: 5});
  const inputs: Inputs = {x: {data: new Float32Array(4), shape: [1, 4]}, n: [[1, 2], [3n, 4n]], t: new Map().size};
  const one: Tensor = graph.execute(inputs, 'y');
  const some: Tensor[] = await graph.executeAsync(inputs, ['y', 'z:1']);
  const all: Tensor | Tensor[] = graph.predict(new Map([['x', [true, false]]]));
  const spec: TensorSpec | undefined = graph.inputs[0];
  const dims: (number | null)[] | null | undefined = spec?.shape;
  const layers: LayersModel = await loadLayersModel([...files], {inputFormat: 'keras'});
  const base: Model = layers;
  const names: string[] = [...layers.inputNames, ...graph.outputNodes];
  await loadGraphModel({modelJson: {}, weights: [new ArrayBuffer(4)], assets: {'words.txt': 'a\nb'}});
  await loadLayersModel({load: async () => ({modelTopology: {}, weightData: new ArrayBuffer(0)})});
  const {files: written, report} = await convert({'m.h5': new Uint8Array(9)}, {quantizeUint8: ['dense/*']});
  const bytes: Uint8Array | undefined = written['model.json'];
  const {numBytes, numModels} = await memory();
  base.dispose();
  use(one, some, all, dims, names, report.kept, bytes, numBytes + numModels);

  // @ts-expect-error a model is made by loading it
  new GraphModel();
  // @ts-expect-error layers have no nodes
  use(layers.inputNodes);
  // @ts-expect-error there is no such option
  await loadGraphModel('model.json', {signature: 'serving_default'});
  // @ts-expect-error there is no such format
  await convert('model.h5', {outputFormat: 'onnx'});
  // @ts-expect-error one name gives one tensor
  const wrong: Tensor[] = graph.execute(inputs, 'y');
  use(wrong);
}

function use(...values: unknown[]): void {
  void values;
}
