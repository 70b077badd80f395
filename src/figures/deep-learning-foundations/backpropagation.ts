/** Figures of backpropagation: the reverse sweep over an expression's graph, and the error of differences against their step. */
import type { TopLevelSpec } from "vega-lite";
import { add, exp, log1p, mul, sin, square, sub, tanh } from "../../autodiff/ops.js";
import { backwardSteps, type Tensor, tensor } from "../../demos/deep-learning-foundations/backpropagation.js";
import { figure } from "../../lib/figure.js";

// Okabe and Ito's blue, vermilion and orange; grey for what has not been reached.
const [BLUE, VERMILION, ORANGE, GREY] = ["#0072B2", "#D55E00", "#E69F00", "#BBBBBB"];

type Named = Record<string, Tensor>;
interface Expression {
  readonly inputs: Readonly<Record<string, number>>;
  readonly f: (p: Named) => Tensor;
}

const EXPRESSIONS: Readonly<Record<string, Expression>> = {
  "x·y + sin x": { inputs: { x: 2, y: 0.5 }, f: ({ x, y }) => add(mul(x!, y!), sin(x!)) },
  "x² + 3x": { inputs: { x: 4 }, f: ({ x }) => add(square(x!), mul(x!, 3)) },
  "ln(1 + e^(−y(wx + b)))": {
    inputs: { x: 1.5, w: 0.8, b: -0.5, y: 1 },
    f: ({ x, w, b, y }) => log1p(exp(mul(mul(y!, add(mul(w!, x!), b!)), -1))),
  },
  "(v·tanh(wx) − t)²": {
    inputs: { x: 1.5, w: 0.6, v: 2, t: 0.5 },
    f: ({ x, w, v, t }) => square(sub(mul(v!, tanh(mul(w!, x!))), t!)),
  },
};

const SYMBOLS: Readonly<Record<string, string>> = { add: "+", sub: "−", mul: "×", square: "( )²", log1p: "ln(1+·)" };

/** The graph with its values, and what each step of the sweep has brought so far. */
function sweep({ inputs, f }: Expression, done: number) {
  const names = Object.keys(inputs);
  const start = Object.fromEntries(names.map((name) => [name, tensor(Float64Array.of(inputs[name]!), [])]));
  const steps = [...backwardSteps(f, start)];
  const last = steps[0]!.index;
  const nodes = [...steps].reverse().map(({ index, op, parents, value }) => ({
    index,
    label: names[index] ?? SYMBOLS[op] ?? op,
    parents: parents.filter((parent) => parent >= 0),
    value: value.item(),
    depth: 0,
    adjoint: index === last ? 1 : 0,
    received: index === last ? 1 : 0,
    state: index === last ? "complete" : "not reached",
  }));
  const nodeAt = (index: number) => nodes.find((node) => node.index === index)!;
  for (const node of nodes) node.depth = Math.max(0, ...node.parents.map((parent) => nodeAt(parent).depth + 1));
  // Inputs stand one column before their first use.
  for (const node of nodes) {
    const uses = nodes.filter(({ parents }) => parents.includes(node.index));
    if (node.parents.length === 0) node.depth = Math.min(...uses.map(({ depth }) => depth)) - 1;
  }
  const edges = steps.flatMap(({ index, parents, contributions }, step) =>
    parents.flatMap((parent, i) =>
      parent < 0 ? [] : [{ from: parent, to: index, step, contribution: contributions[i]!.item() }],
    ),
  );
  for (const { from, contribution, step } of edges) {
    if (step >= done) continue;
    const node = nodeAt(from);
    node.adjoint += contribution;
    node.received++;
    const consumers = edges.filter((edge) => edge.from === from).length;
    node.state = node.received === consumers ? "complete" : "waiting";
  }
  return { nodes, edges, count: steps.length, current: steps[done - 1]?.index };
}

/** Values on the nodes, adjoints below them, contributions on the edges, as far as the reverse sweep has come. */
export const sweepFigure = figure(
  "The reverse sweep over an expression graph",
  {
    step: { label: "steps of the sweep", min: 0, max: 12, step: 1, value: 2 },
    expression: { label: "expression", options: Object.keys(EXPRESSIONS), value: "x·y + sin x" },
  },
  ({ step, expression }): TopLevelSpec => {
    const { nodes, edges, count, current } = sweep(EXPRESSIONS[expression]!, step);
    const columns = Math.max(...nodes.map(({ depth }) => depth));
    const place = new Map(
      nodes.map((node) => {
        const column = nodes.filter(({ depth }) => depth === node.depth);
        const row = column.indexOf(node) - (column.length - 1) / 2;
        return [node.index, { x: node.depth, y: -row - 0.12 * (node.depth % 2) }] as const;
      }),
    );
    const nodeRows = nodes.map(({ index, label, value, adjoint, state }) => ({
      ...place.get(index)!,
      label,
      value: `${short(value)}`,
      adjoint: state === "not reached" ? "" : `adjoint ${short(adjoint)}`,
      state: index === current ? "just swept" : state,
    }));
    const edgeRows = edges.map(({ from, to, step: at, contribution }) => {
      const [a, b] = [place.get(from)!, place.get(to)!];
      const reached = at < step;
      return {
        ...a,
        x2: b.x,
        y2: b.y,
        xm: a.x + 0.4 * (b.x - a.x),
        ym: a.y + 0.4 * (b.y - a.y),
        text: reached ? short(contribution) : "",
        state: reached ? "carried" : "not reached",
      };
    });
    const complete = nodes.filter(({ state }) => state === "complete").length;
    const states = ["not reached", "waiting", "complete", "just swept"];
    const axis = { field: "x", type: "quantitative" as const, axis: null, scale: { domain: [-0.5, columns + 0.5] } };
    const rows = nodeRows.map(({ y }) => y);
    const vertical = {
      field: "y",
      type: "quantitative" as const,
      axis: null,
      scale: { domain: [Math.min(...rows) - 0.7, Math.max(...rows) + 0.7] },
    };
    return {
      $schema: "https://vega.github.io/schema/vega-lite/v5.json",
      description:
        `Graph of ${expression}, inputs on the left, output on the right. After ${Math.min(step, count)} of ${count} steps of ` +
        `the reverse sweep ${complete} of ${nodes.length} adjoints are complete: ` +
        `${nodeRows.map(({ label, value, adjoint }) => `${label} = ${value}${adjoint ? `, ${adjoint}` : ""}`).join("; ")}.`,
      title: {
        text: `${expression} = ${short(nodes.at(-1)!.value)}: ${complete} of ${nodes.length} adjoints complete`,
        subtitle: "values inside, adjoints below, contributions on the edges",
        anchor: "middle",
      },
      width: 620,
      height: 300,
      layer: [
        {
          data: { values: edgeRows },
          mark: { type: "rule" as const, strokeWidth: 2 },
          encoding: {
            x: axis,
            y: vertical,
            x2: { field: "x2" },
            y2: { field: "y2" },
            color: {
              field: "state",
              type: "nominal" as const,
              scale: { domain: ["not reached", "carried"], range: [GREY, VERMILION] },
              legend: null,
            },
          },
        },
        {
          data: { values: nodeRows },
          mark: { type: "circle" as const, size: 2600, opacity: 1, stroke: "white", strokeWidth: 2 },
          encoding: {
            x: axis,
            y: vertical,
            fill: {
              field: "state",
              type: "nominal" as const,
              scale: { domain: states, range: [GREY, ORANGE, BLUE, VERMILION] },
              legend: { title: "adjoint", orient: "bottom" as const, symbolType: "circle", symbolSize: 120 },
            },
          },
        },
        ...(["label", "value", "adjoint"] as const).map((field, i) => ({
          data: { values: nodeRows },
          mark: {
            type: "text" as const,
            dy: [-8, 8, 34][i]!,
            fontSize: [13, 11, 11][i]!,
            fontWeight: i === 0 ? ("bold" as const) : ("normal" as const),
            color: i === 2 ? VERMILION : "white",
          },
          encoding: { x: axis, y: vertical, text: { field, type: "nominal" as const } },
        })),
        // The contributions, on a rim of white that keeps them apart from the edges.
        ...[{ stroke: "white", strokeWidth: 4 }, { stroke: null }].map((rim) => ({
          data: { values: edgeRows },
          mark: { type: "text" as const, fontSize: 11, color: VERMILION, ...rim },
          encoding: {
            x: { ...axis, field: "xm" },
            y: { ...vertical, field: "ym" },
            text: { field: "text", type: "nominal" as const },
          },
        })),
      ],
    };
  },
);

const short = (x: number) => String(Number(x.toPrecision(3))).replace("-", "−");

/** The relative error of forward and central differences of e^(sin x), and of backpropagation, against the step. */
export const differencesFigure = figure(
  "Error of finite differences against their step",
  { x: { label: "x", min: 0.1, max: 1.5, step: 0.1, value: 1.3 } },
  ({ x }): TopLevelSpec => {
    const f = (at: number) => Math.exp(Math.sin(at));
    const slope = Math.cos(x) * f(x);
    const error = (estimate: number) => Math.max(Math.abs(estimate - slope) / Math.abs(slope), 1e-17);
    const steps = Array.from({ length: 131 }, (_, i) => 10 ** (-14 + i / 10));
    const { adjoint } = [...backwardSteps((p: Named) => exp(sin(p.x!)), { x: tensor(Float64Array.of(x), []) })].at(-1)!;
    const values = steps.flatMap((h) => [
      { h, error: error((f(x + h) - f(x)) / h), by: "forward difference" },
      { h, error: error((f(x + h) - f(x - h)) / (2 * h)), by: "central difference" },
      { h, error: error(adjoint.item()), by: "backpropagation" },
    ]);
    const at = (h: number, by: string) =>
      values.find((row) => row.by === by && Math.abs(row.h / h - 1) < 1e-6)!.error.toExponential(0);
    return {
      $schema: "https://vega.github.io/schema/vega-lite/v5.json",
      description:
        `Relative error of the derivative of e^(sin x) at ${x} against the step h, both logarithmic. At h = 0.01 and 0.0001 ` +
        `forward differences are off by ${at(1e-2, "forward difference")} and ${at(1e-4, "forward difference")}, central ones ` +
        `by ${at(1e-2, "central difference")} and ${at(1e-4, "central difference")}; smaller steps are worse again, from ` +
        "rounding. Backpropagation has no step: a flat line below 1e-15.",
      title: {
        text: `Derivative of e^(sin x) at x = ${x}`,
        subtitle: "right: truncation, slopes 1 and 2; left: rounding, slope −1",
        anchor: "middle",
      },
      width: 560,
      height: 300,
      data: { values },
      mark: { type: "line" as const, strokeWidth: 1.5 },
      encoding: {
        x: {
          field: "h",
          type: "quantitative",
          scale: { type: "log" },
          axis: { title: "step h", format: ".0e", tickCount: 7 },
        },
        y: {
          field: "error",
          type: "quantitative",
          scale: { type: "log", domain: [1e-17, 10] },
          axis: { title: "relative error (0 drawn at 1e-17)", format: ".0e", tickCount: 9 },
        },
        color: {
          field: "by",
          type: "nominal",
          scale: {
            domain: ["forward difference", "central difference", "backpropagation"],
            range: [ORANGE, BLUE, VERMILION],
          },
          legend: { title: null, orient: "bottom", symbolType: "stroke", symbolSize: 400 },
        },
      },
    };
  },
);

export const figures = { sweepFigure, differencesFigure };
