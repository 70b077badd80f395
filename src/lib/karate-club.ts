/** Zachary's karate club, of data/: the graph on which the finding of communities is tried first. */
import club from "../../data/karate-club.json" with { type: "json" };

/** An undirected graph without weights, and a class for each node. */
export interface ClassifiedGraph {
  /** pairs of nodes, numbered from 0, the smaller first */
  readonly edges: readonly (readonly [number, number])[];
  /** class of each node */
  readonly target: Int32Array;
  readonly targetNames: readonly string[];
}

/**
 * Zachary's karate club: 34 members, 78 friendships, the side that each took when the club split. Zachary 1977.
 *
 * Members are numbered from 0 here, from 1 in the paper. Member 0 is Mr. Hi, member 33 the officer.
 *
 * @example
 * loadKarateClub().edges.length // 78
 */
export function loadKarateClub(): ClassifiedGraph {
  const { edges, target, targetNames } = club as ClassifiedGraph;
  return {
    edges: edges.map(([i, j]) => [i, j] as const),
    target: Int32Array.from(target),
    targetNames: [...targetNames],
  };
}
