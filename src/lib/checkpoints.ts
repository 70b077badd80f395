/** The small trained models of data/, made by `npm run checkpoints`. */
import alibi from "../../data/tiny-alibi.json" with { type: "json" };
import rope from "../../data/tiny-rope.json" with { type: "json" };

/** A trained model: its shape, its numbers, and how it was trained. */
export interface Checkpoint {
  /** of `createTransformer` */
  readonly config: {
    readonly vocabulary: number;
    readonly layers: number;
    readonly heads: number;
    readonly dModel: number;
    readonly dFeedForward: number;
    readonly positions: "rope" | "alibi";
    readonly context: number;
  };
  /** token → character */
  readonly characters: string;
  /** row-major numbers by name */
  readonly parameters: Readonly<Record<string, Float32Array>>;
  readonly record: {
    readonly steps: number;
    readonly batch: number;
    readonly context: number;
    readonly seed: number;
    readonly optimizer: string;
    /** of the batch at every hundredth step and the last, nats per character */
    readonly losses: readonly number[];
    /** on 24 windows of the validation part, nats per character */
    readonly validation: number;
  };
}

/**
 * A character-level decoder trained on Moby-Dick, with rotary positions or ALiBi. Every call gives fresh arrays.
 *
 * @example
 * loadCheckpoint("tiny-rope").characters.length // 81
 */
export function loadCheckpoint(name: "tiny-rope" | "tiny-alibi"): Checkpoint {
  const { parameters, ...rest } = (name === "tiny-rope" ? rope : alibi) as Stored;
  const decoded = Object.entries(parameters).map(([id, { float32 }]) => {
    const bytes = Uint8Array.from(atob(float32), (character) => character.charCodeAt(0));
    return [id, new Float32Array(bytes.buffer)] as const; // little-endian, as the machines that run this are
  });
  return { ...rest, parameters: Object.fromEntries(decoded) };
}

type Stored = Omit<Checkpoint, "parameters"> & {
  readonly parameters: Readonly<Record<string, { readonly shape: readonly number[]; readonly float32: string }>>;
};
