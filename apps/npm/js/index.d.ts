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
export type Inputs = TensorLike | TensorLike[] | { [name: string]: TensorLike };

export interface TensorSpec {
  name: string;
  /** `handle` for what is no tensor. */
  dtype: DType | 'handle';
  /** `null` for dims that are open; `null` for all when not even their number is known. */
  shape: (number | null)[] | null;
}

/** A file: bytes, text, or an object that becomes JSON. */
export type File = Uint8Array | ArrayBuffer | ArrayBufferView | string | object;

/** `ModelArtifacts` of TensorFlow.js. */
export interface ModelArtifacts {
  modelTopology: object | ArrayBuffer;
  weightSpecs?: object[];
  weightData?: ArrayBuffer | ArrayBuffer[];
  [key: string]: unknown;
}

/** A URL, a path (Node), files by name, or what TensorFlow.js loads from. */
export type ModelSource =
  | string | URL | { [name: string]: File } | Map<string, File> | ModelArtifacts
  | { load(): Promise<ModelArtifacts> };

export interface FetchOptions {
  fetchFunc?: typeof fetch;
  requestInit?: RequestInit;
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
  private constructor();
  /** What it is, such as `TensorFlow.js graph model`. */
  readonly kind: string;
  readonly inputs: TensorSpec[];
  readonly outputs: TensorSpec[];
  readonly warnings: string[];
  /** Computes all outputs. One output comes alone, several as a list in the order of `outputs`. */
  predict(inputs: Inputs): Tensor | Tensor[];
  /** Computes these outputs, or any nodes of a graph: one name gives one tensor, a list a list. */
  execute(inputs: Inputs, outputs?: string | string[]): Tensor | Tensor[];
  executeAsync(inputs: Inputs, outputs?: string | string[]): Promise<Tensor | Tensor[]>;
  /** Frees the model's memory. */
  dispose(): void;
}

/** Loads the WebAssembly module; the other functions do so themselves. */
export function ready(module?: unknown): Promise<void>;
export function loadGraphModel(source: ModelSource, options?: LoadOptions): Promise<Model>;
export function loadLayersModel(source: ModelSource, options?: LoadOptions): Promise<Model>;
/** Converts a model in memory. */
export function convert(source: ModelSource, options?: ConvertOptions): Promise<{ files: { [name: string]: Uint8Array }; report: Report }>;
