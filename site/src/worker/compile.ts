/**
 * A cell becomes a module: its types are stripped, and what it declares at the top becomes a property of the worker's
 * global object, so that the cells of a page share their names as the cells of a notebook do. Lines stay where they are.
 */
import { type Node, type Pattern, type Program, parse } from "acorn";
import { transform } from "sucrase";

export interface Compiled {
  readonly code: string;
  /** declared at the top of the cell */
  readonly names: readonly string[];
}

/** A mistake of form, with the line of the cell. */
export class CellSyntaxError extends Error {
  override readonly name = "SyntaxError";
  readonly line: number;
  constructor(message: string, line: number) {
    super(message);
    this.line = line;
  }
}

export function compile(source: string): Compiled {
  let code: string;
  let program: Program;
  try {
    code = transform(source, { transforms: ["typescript"], keepUnusedImports: true, disableESTransforms: true }).code;
    program = parse(code, { ecmaVersion: "latest", sourceType: "module", locations: true });
  } catch (error) {
    const { message, loc } = error as Error & { loc?: { line: number } };
    const words = message.replace(/^Error transforming [^:]*: /, "").replace(/ \(\d+:\d+\)$/, "");
    throw new CellSyntaxError(words, loc?.line ?? 1);
  }
  const names: string[] = [];
  const functions: string[] = [];
  const edits: { start: number; end: number; text: string }[] = [];
  const edit = (start: number, end: number, text: string) => edits.push({ start, end, text });
  // import() asks the page as import does; the browser's own would go to the network.
  everywhere(program, (node) => {
    if (node.type === "ImportExpression") edit(node.start, node.start + "import".length, "__use");
  });
  const strip = (node: Node, inner: Node) => edit(node.start, inner.start, "");

  for (const statement of program.body) {
    const node =
      (statement.type === "ExportNamedDeclaration" || statement.type === "ExportDefaultDeclaration") &&
      statement.declaration
        ? statement.declaration
        : statement;
    if (node !== statement) strip(statement, node);
    if (node.type === "ImportDeclaration") {
      const wanted = `await __use(${JSON.stringify(node.source.value)})`;
      const parts: string[] = [];
      let target = "";
      for (const specifier of node.specifiers) {
        names.push(specifier.local.name);
        if (specifier.type === "ImportNamespaceSpecifier") target = `${specifier.local.name} = `;
        else if (specifier.type === "ImportDefaultSpecifier") parts.push(`default: ${specifier.local.name}`);
        else parts.push(`${code.slice(specifier.imported.start, specifier.imported.end)}: ${specifier.local.name}`);
      }
      if (parts.length) target += `{ ${parts.join(", ")} } = `;
      // The lines of a long import stay lines.
      const lines = "\n".repeat(node.loc!.end.line - node.loc!.start.line);
      edit(node.start, node.end, `;(${target}${wanted});${lines}`);
    } else if (node.type === "VariableDeclaration") {
      for (const declarator of node.declarations) {
        namesOf(declarator.id, names);
        if (!declarator.init) edit(declarator.end, declarator.end, " = undefined");
      }
      edit(node.start, node.declarations[0]!.start, ";(");
      const last = node.declarations.at(-1)!.end;
      edit(last, last, ");");
    } else if (node.type === "FunctionDeclaration" && node.id) {
      names.push(node.id.name);
      functions.push(node.id.name);
    } else if (node.type === "ClassDeclaration" && node.id) {
      names.push(node.id.name);
      edit(node.start, node.start, `;${node.id.name} = `);
      edit(node.end, node.end, ";");
    } else if (node.type === "ExpressionStatement" && node === program.body.at(-1)) {
      edit(node.expression.start, node.expression.start, "__last(");
      edit(node.expression.end, node.expression.end, ")");
    }
  }
  const hoisted = functions.map((name) => `globalThis.${name} = ${name};`).join("");
  let result = code;
  for (const { start, end, text } of edits.map((e, i) => ({ ...e, i })).sort((a, b) => b.start - a.start || b.i - a.i))
    result = result.slice(0, start) + text + result.slice(end);
  return { code: hoisted + result, names };
}

function everywhere(node: Node, visit: (node: Node) => void): void {
  visit(node);
  for (const inner of Object.values(node).flat())
    if (typeof inner === "object" && inner !== null && "type" in inner) everywhere(inner as Node, visit);
}

function namesOf(pattern: Pattern, into: string[]): void {
  if (pattern.type === "Identifier") into.push(pattern.name);
  else if (pattern.type === "ArrayPattern") for (const element of pattern.elements) element && namesOf(element, into);
  else if (pattern.type === "ObjectPattern")
    for (const property of pattern.properties)
      namesOf(property.type === "RestElement" ? property.argument : property.value, into);
  else if (pattern.type === "AssignmentPattern") namesOf(pattern.left, into);
  else if (pattern.type === "RestElement") namesOf(pattern.argument, into);
}
