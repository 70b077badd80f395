/**
 * Loads TensorFlow.js: `@tensorflow/tfjs-node` (native code) where it is installed and works, plain `@tensorflow/tfjs`
 * (JavaScript, 15 to 50 times slower on a conv net) otherwise. Both are optional peers of this package and neither is
 * imported before `loadTensorFlow` is called. Both work on one global engine, which has one active backend.
 *
 * For Node only: browsers import `@tensorflow/tfjs` themselves.
 */
import util from "node:util";

/** The API that both packages share; what only tfjs-node has (`tf.node`) is left out of the type. */
export type TensorFlow = typeof import("@tensorflow/tfjs");

/** The package behind the API: `@tensorflow/tfjs-node` or `@tensorflow/tfjs`. */
export type TensorFlowBackend = "tfjs-node" | "tfjs";

export interface LoadTensorFlowOptions {
  /** the one that must be used; without it tfjs-node where it works, tfjs otherwise */
  readonly backend?: TensorFlowBackend;
}

export interface LoadedTensorFlow {
  readonly tf: TensorFlow;
  /** which one it is */
  readonly backend: TensorFlowBackend;
  /** why tfjs-node was passed over, in a line; undefined where it was not */
  readonly fallbackReason: string | undefined;
}

/**
 * Loads TensorFlow.js and makes the backend active: the C++ one of tfjs-node, or the cpu one of tfjs (never webgl).
 *
 * The active backend belongs to the process: after two calls with different backends, every `tf` runs on the later one.
 * Nothing is printed: tfjs's advice to install tfjs-node is left out, and so are the C++ library's messages below errors.
 * For that the environment variables `TF_CPP_MIN_LOG_LEVEL` and `TF_ENABLE_ONEDNN_OPTS` are set where they are not yet.
 *
 * @param options.backend the one to load; by default tfjs-node, and tfjs where that is not installed or does not work
 * @throws {TypeError} `backend` is neither "tfjs-node" nor "tfjs"
 * @throws {Error} the backend asked for, or in its absence tfjs, is not installed or does not work; `cause` says why
 *
 * @example
 * const { tf, backend } = await loadTensorFlow();
 * const sum = tf.tidy(() => tf.tensor1d([1, 2, 3]).sum().arraySync()); // 6
 */
export async function loadTensorFlow(options: LoadTensorFlowOptions = {}): Promise<LoadedTensorFlow> {
  const { backend } = options;
  if (backend !== undefined && backend !== "tfjs-node" && backend !== "tfjs") {
    throw new TypeError(`loadTensorFlow: backend must be "tfjs-node" or "tfjs", got ${util.inspect(backend)}`);
  }
  if (backend === "tfjs") return { tf: await loadPlain(), backend, fallbackReason: undefined };
  try {
    return { tf: await loadNative(), backend: "tfjs-node", fallbackReason: undefined };
  } catch (cause) {
    const reason = reasonOf(cause, native);
    if (backend === undefined)
      return { tf: await loadPlain(), backend: "tfjs", fallbackReason: `${native}: ${reason}` };
    throw new Error(`loadTensorFlow: ${native} does not work here (${reason}); "npm run setup:tensorflow" makes it`, {
      cause,
    });
  }
}

const plain = "@tensorflow/tfjs";
const native: string = "@tensorflow/tfjs-node"; // typed as any string: it need not be there at compile time

async function loadNative(): Promise<TensorFlow> {
  const takeBack = putBackUtil();
  // Read by the C++ library while it is loaded. 2 is errors only. oneDNN makes no difference to the time of a training
  // step here, may round in another order on another processor, and announces itself on stderr whatever the log level.
  process.env.TF_CPP_MIN_LOG_LEVEL ??= "2";
  process.env.TF_ENABLE_ONEDNN_OPTS ??= "0";
  try {
    const { default: tf } = (await import(native)) as { default: TensorFlow };
    await activate(tf, "tensorflow");
    return tf;
  } catch (error) {
    takeBack();
    throw error;
  }
}

async function loadPlain(): Promise<TensorFlow> {
  let tf: TensorFlow;
  try {
    ({ default: tf } = (await import("@tensorflow/tfjs")) as unknown as { default: TensorFlow });
  } catch (cause) {
    const reason = reasonOf(cause, plain);
    throw new Error(`loadTensorFlow: ${plain} does not work here (${reason}); "npm install ${plain}" brings it`, {
      cause,
    });
  }
  await activate(tf, "cpu");
  // The cpu backend prints its advice when it stores its first tensor, unless tfjs is in production mode: store one now.
  const production: boolean = tf.env().getBool("PROD");
  tf.env().set("PROD", true);
  tf.tensor1d([0]).dispose();
  tf.env().set("PROD", production);
  return tf;
}

async function activate(tf: TensorFlow, name: "tensorflow" | "cpu"): Promise<void> {
  if (!(await tf.setBackend(name))) throw new Error(`TensorFlow.js has no working backend "${name}"`);
}

/**
 * tfjs-node 4.22 calls two functions of Node's `util` whenever it runs an operation: `isNullOrUndefined`, gone since Node
 * 23, and `isArray`, which since Node 22 prints a notice on stderr. Both are put back, hidden from enumeration, and stay;
 * the function returned takes them away again.
 */
function putBackUtil(): () => void {
  const removed = !("isNullOrUndefined" in util);
  const before = Object.getOwnPropertyDescriptor(util, "isArray");
  const define = (name: string, value: unknown) =>
    Object.defineProperty(util, name, { value, configurable: true, writable: true, enumerable: false });
  if (removed) define("isNullOrUndefined", (value: unknown) => value === null || value === undefined);
  if (before?.value !== Array.isArray) define("isArray", Array.isArray);
  return () => {
    if (removed) Reflect.deleteProperty(util, "isNullOrUndefined");
    if (before) Object.defineProperty(util, "isArray", before);
  };
}

/** Why a package could not be imported, in a line: the two usual causes in words, any other in its own. */
function reasonOf(error: unknown, name: string): string {
  const { code, message } = error instanceof Error ? (error as NodeJS.ErrnoException) : { message: String(error) };
  // Node names the package itself, or its folder where that is empty; not a package that it needs.
  const missing = code === "ERR_MODULE_NOT_FOUND" && message.split("'")[1]?.replaceAll("\\", "/");
  if (missing && new RegExp(`(^|/)${name}(/|/index\\.js)?$`).test(missing)) return "it is not installed";
  if (message.includes("native addon module (tfjs_binding.node) can not be found"))
    return "its native addon is missing";
  return message.trim().split("\n", 1)[0]!.trim();
}
