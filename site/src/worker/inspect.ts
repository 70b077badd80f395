/** Values as text, in the way of Node's console. */

const WIDTH = 76;

export function inspect(value: unknown, depth = 2, seen: readonly unknown[] = []): string {
  if (typeof value === "string") return seen.length ? quoted(value) : value;
  if (typeof value === "bigint") return `${value}n`;
  if (Object.is(value, -0)) return "-0";
  if (typeof value === "function")
    return /^class\b/.test(String(value)) ? `[class ${value.name}]` : `[Function: ${value.name || "(anonymous)"}]`;
  if (typeof value !== "object" || value === null) return String(value);
  if (seen.includes(value)) return "[Circular]";
  if (value instanceof Error) return value.stack?.split("\n")[0] ?? String(value);
  const inner = (item: unknown) => inspect(item, depth - 1, [...seen, value]);
  const type = value.constructor?.name ?? "[Object: null prototype]";
  if (ArrayBuffer.isView(value) && "length" in value)
    return list(`${type}(${(value as Float64Array).length}) `, "[", value as unknown as ArrayLike<unknown>, inner);
  if (Array.isArray(value)) return depth < 0 ? "[Array]" : list("", "[", value, inner);
  if (value instanceof Set) return list(`Set(${value.size}) `, "{", [...value], inner);
  if (value instanceof Map) {
    const entries = [...value].map(([key, item]) => `${inner(key)} => ${inner(item)}`);
    return list(`Map(${value.size}) `, "{", entries, String);
  }
  if (depth < 0) return `[${type}]`;
  const entries = Object.entries(value).map(
    ([key, item]) => `${/^[\w$]+$/.test(key) ? key : quoted(key)}: ${inner(item)}`,
  );
  return list(type === "Object" ? "" : `${type} `, "{", entries, String);
}

function list(head: string, open: "[" | "{", items: ArrayLike<unknown>, text: (item: unknown) => string): string {
  const close = open === "[" ? "]" : "}";
  if (items.length === 0) return `${head}${open}${close}`;
  const shown = Array.from({ length: Math.min(items.length, 100) }, (_, i) => text(items[i]));
  if (items.length > 100) shown.push(`... ${items.length - 100} more items`);
  const line = `${head}${open} ${shown.join(", ")} ${close}`;
  if (line.length <= WIDTH && !line.includes("\n")) return line;
  const short = shown.every((item) => item.length <= 24 && !item.includes("\n"));
  const lines: string[] = [];
  for (const item of shown) {
    const last = lines.at(-1);
    if (short && last !== undefined && last.length + item.length < WIDTH - 4)
      lines[lines.length - 1] = `${last}, ${item}`;
    else lines.push(item);
  }
  return `${head}${open}\n${lines.join(",\n").replace(/^/gm, "  ")}\n${close}`;
}

const quoted = (text: string) => (text.includes("'") ? JSON.stringify(text) : `'${text.replaceAll("\n", "\\n")}'`);
