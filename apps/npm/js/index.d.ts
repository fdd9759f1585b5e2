/** An element type of TensorFlow. */
export type DType =
  | 'float16' | 'bfloat16' | 'float32' | 'float64'
  | 'int8' | 'int16' | 'int32' | 'int64' | 'uint8' | 'uint16' | 'uint32' | 'uint64'
  | 'bool' | 'complex64' | 'complex128' | 'string';

export type TypedArray =
  | Float32Array | Float64Array | Int8Array | Int16Array | Int32Array | BigInt64Array
  | Uint8Array | Uint8ClampedArray | Uint16Array | Uint32Array | BigUint64Array;

/** A tensor that comes out. Half precision comes as `Float32Array`, complex numbers as pairs, `bool` as bytes. */
export interface Tensor {
  /** The name of the output. */
  name: string;
  data: TypedArray | (string | Uint8Array)[];
  shape: number[];
  dtype: DType;
}

type Nested = number | bigint | boolean | string | Nested[];

/** What goes in; a tensor of TensorFlow.js does too. Wider numbers than the model's are taken when no value is lost. */
export type TensorLike =
  | { data: TypedArray | ArrayLike<number | bigint | boolean | string>; shape?: number[]; dtype?: DType }
  | { dataSync(): unknown; shape: number[]; dtype: string }
  | TypedArray
  | Nested;

/** One input's value, all values in order, or values by name. */
export type Inputs = TensorLike | TensorLike[] | { [name: string]: TensorLike } | Map<string, TensorLike>;

export interface TensorSpec {
  name: string;
  /** `handle` for what is no tensor. */
  dtype: DType | 'handle';
  /** `null` for dims that are open; `null` for all when not even their number is known. */
  shape: (number | null)[] | null;
}

export type BytesLike = ArrayBuffer | ArrayBufferView;

/** A file: bytes, text, or an object that becomes JSON. */
export type File = BytesLike | string | object;

/** `ModelArtifacts` of TensorFlow.js. */
export interface ModelArtifacts {
  modelTopology: object | ArrayBuffer;
  weightSpecs?: object[];
  weightData?: ArrayBuffer | ArrayBuffer[];
  [key: string]: unknown;
}

/** The parts of a TensorFlow.js model. */
export interface ModelParts {
  modelJson: object | string | BytesLike;
  /** All shards in order, or by the names that the model.json has. */
  weights?: BytesLike | BytesLike[] | { [path: string]: File };
  assets?: Assets;
}

/** `assets.zip`, or the files in it by name. */
export type Assets = BytesLike | { [name: string]: File } | Map<string, File>;

/** A file that a user chose. */
export interface NamedFile {
  readonly name: string;
  arrayBuffer(): Promise<ArrayBuffer>;
}

/** A URL, a path (Node), files by name, files that a user chose, or what TensorFlow.js loads from. */
export type ModelSource =
  | string | URL | { [name: string]: File } | Map<string, File> | ArrayLike<NamedFile> | ModelParts | ModelArtifacts
  | { load(): Promise<ModelArtifacts | ModelParts> };

export interface FetchOptions {
  fetchFunc?: typeof fetch;
  requestInit?: RequestInit;
  /** Where the shards are, when they do not lie beside the model. */
  weightPathPrefix?: string;
  /** The URL of a shard. */
  weightUrlConverter?: (name: string) => string | Promise<string>;
  /** Is told which part of the files has come, from 0 to 1. */
  onProgress?: (fraction: number) => void;
  /** What a model fills its tables from, when it does not lie beside it. */
  assets?: Assets;
}

export type InputFormat =
  | 'keras' | 'keras_keras' | 'keras_saved_model' | 'tf_saved_model' | 'tf_frozen_model' | 'tf_hub'
  | 'tfjs_layers_model' | 'tfjs_graph_model';

export interface LoadOptions extends FetchOptions {
  /** What the files are; their bytes decide otherwise. */
  inputFormat?: InputFormat;
  /** Which signature to run; the only or the default one otherwise. */
  signatureName?: string;
  /** The most nodes that one run executes. */
  maxSteps?: number;
}

export interface ConvertOptions extends FetchOptions {
  inputFormat?: InputFormat;
  outputFormat?: 'tfjs_layers_model' | 'tfjs_graph_model' | 'keras' | 'keras_keras' | 'keras_saved_model';
  /** All weights, or those that match. */
  quantizeFloat16?: boolean | string[];
  quantizeUint8?: boolean | string[];
  quantizeUint16?: boolean | string[];
  quantizeMinElements?: number;
  dequantize?: boolean;
  weightShardSizeBytes?: number;
  singleFile?: boolean;
  splitWeightsByLayer?: boolean;
  hashedNames?: boolean;
  clamp?: boolean;
  allowUnloadableLayers?: boolean;
  signatureName?: string;
  metadata?: { [key: string]: unknown };
}

/** The closing report of a conversion. */
export interface Report {
  input: string;
  output: string;
  kept: string[];
  changed: string[];
  dropped: string[];
  warnings: object[];
  [key: string]: unknown;
}

/** A model that was loaded. */
export class Model {
  protected constructor();
  /** What it is, such as `TensorFlow.js graph model`. */
  readonly kind: string;
  readonly inputs: TensorSpec[];
  readonly outputs: TensorSpec[];
  readonly warnings: string[];
  /** Computes all outputs. One output comes alone, several as a list in the order of `outputs`. */
  predict(inputs: Inputs, options?: { batchSize?: number }): Tensor | Tensor[];
  /** Computes these outputs, or any nodes of a graph: one name gives one tensor, a list a list. */
  execute(inputs: Inputs, outputs: string): Tensor;
  execute(inputs: Inputs, outputs: string[]): Tensor[];
  execute(inputs: Inputs): Tensor | Tensor[];
  /** Frees the model's memory, which later models take; that of the module never shrinks. */
  dispose(): void;
}

/** A graph of TensorFlow's ops. */
export class GraphModel extends Model {
  readonly inputNodes: string[];
  readonly outputNodes: string[];
  /** As `predict`, and rejects where that throws. */
  predictAsync(inputs: Inputs): Promise<Tensor | Tensor[]>;
  /**
   * As `execute`, and rejects where that throws. TensorFlow.js asks for it where a graph has control flow; here both run
   * every graph, on the thread that calls.
   */
  executeAsync(inputs: Inputs, outputs: string): Promise<Tensor>;
  executeAsync(inputs: Inputs, outputs: string[]): Promise<Tensor[]>;
  executeAsync(inputs: Inputs): Promise<Tensor | Tensor[]>;
}

/** A model of Keras layers. */
export class LayersModel extends Model {
  readonly inputNames: string[];
  readonly outputNames: string[];
  /** As `predict`, which makes no batches either. */
  predictOnBatch(inputs: Inputs): Tensor | Tensor[];
}

/** Loads the WebAssembly module; the other functions do so themselves. Give a URL or bytes to load it from elsewhere. */
export function ready(module?: string | URL | BytesLike | WebAssembly.Module): Promise<void>;
/** Loads a graph model of TensorFlow.js or a SavedModel; what is made of layers is refused. */
export function loadGraphModel(source: ModelSource, options?: LoadOptions): Promise<GraphModel>;
/** Loads a layers model of TensorFlow.js, a Keras file or a SavedModel; a graph model is refused. */
export function loadLayersModel(source: ModelSource, options?: LoadOptions): Promise<LayersModel>;
/** Converts a model in memory. */
export function convert(source: ModelSource, options?: ConvertOptions): Promise<{ files: { [name: string]: Uint8Array }; report: Report }>;
/** Bytes that the module has taken, and how many models are not disposed. */
export function memory(): Promise<{ numBytes: number; numModels: number }>;
