/** TensorFlow.js as a live oracle on both of its backends: tfjs, and tfjs-node where `npm run setup:tensorflow` has made it. */
import { describe, test } from "vitest";
import { loadTensorFlow, type TensorFlow } from "../src/tensorflow.js";

const missing = (await loadTensorFlow()).fallbackReason && "skipped: tfjs-node is not installed";

/**
 * A parity test on both backends; its name says which one it used, or that there was none.
 *
 * @param body gets the API with that backend active
 */
export function withTensorFlow(name: string, body: (tf: TensorFlow) => void | Promise<void>): void {
  describe.each(["tfjs", "tfjs-node"] as const)("on %s", (backend) => {
    const left = backend === "tfjs-node" ? missing : undefined;
    test.skipIf(left)(left ? `${name} (${left})` : name, async () => body((await loadTensorFlow({ backend })).tf));
  });
}
