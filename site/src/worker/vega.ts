/** Vega without generated code: expressions are interpreted, so the page's policy need not allow eval. */
import * as vega from "vega";
import { expressionInterpreter } from "vega-interpreter";
import * as vegaLite from "vega-lite";
import { provide } from "./node-module.ts";

class View extends vega.View {
  constructor(runtime: vega.Runtime, options?: vega.ViewOptions) {
    super(runtime, { ...options, expr: expressionInterpreter } as vega.ViewOptions);
  }
}
const parse = (spec: vega.Spec, config?: vega.Config) => vega.parse(spec, config, { ast: true } as never);

provide("vega", { ...vega, View, parse });
provide("vega-lite", vegaLite);
