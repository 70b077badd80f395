/** What a page and the kernel's worker say to each other. */
import type { Settings } from "../client/figure-types.ts";

export type Request =
  | {
      readonly type: "draw";
      readonly id: number;
      readonly concept: string;
      readonly figure: string;
      readonly settings: Settings;
    }
  | { readonly type: "run"; readonly id: number; readonly name: string; readonly code: string };

export type CellOutput =
  | { readonly kind: "text"; readonly text: string }
  /** takes the place of the last line of its kind */
  | { readonly kind: "line"; readonly text: string }
  | { readonly kind: "html"; readonly html: string }
  | { readonly kind: "figure"; readonly svg: string; readonly description: string };

export interface CellError {
  readonly message: string;
  /** 1-based line of the cell, where it is known */
  readonly line: number | undefined;
}

export type Reply =
  | { readonly type: "ready" }
  | {
      readonly type: "drawn";
      readonly id: number;
      readonly svg: string;
      readonly description: string;
      readonly milliseconds: number;
    }
  | { readonly type: "output"; readonly id: number; readonly output: CellOutput }
  | { readonly type: "done"; readonly id: number; readonly error?: CellError; readonly milliseconds: number };
