/**
 * Figures in the dark. A figure is drawn for white paper; here every colour of the drawn picture becomes a pair,
 * `light-dark(by day, by night)`, so that the page's theme decides and nothing is drawn again. Greys, black, white and pale
 * tints change places, light against dark; strong colours stay, a little lighter where they would sink into the paper. A
 * picture made of pixels (a photograph, a digit) is data and stays as it is.
 */

/** The paper of figures in the dark; theme.css has the same. */
export const NIGHT_PAPER = "#1f2328";

const PAPER = 0.255;
const INK = 0.93;
const NAMES: Readonly<Record<string, string>> = {
  black: "#000000",
  white: "#ffffff",
  gray: "#808080",
  grey: "#808080",
  dimgray: "#696969",
  dimgrey: "#696969",
  darkgray: "#a9a9a9",
  darkgrey: "#a9a9a9",
  silver: "#c0c0c0",
  lightgray: "#d3d3d3",
  lightgrey: "#d3d3d3",
  gainsboro: "#dcdcdc",
  whitesmoke: "#f5f5f5",
  steelblue: "#4682b4",
  navy: "#000080",
  darkblue: "#00008b",
  blue: "#0000ff",
  red: "#ff0000",
  darkred: "#8b0000",
  firebrick: "#b22222",
  green: "#008000",
  darkgreen: "#006400",
  purple: "#800080",
};

/** The colour of the night for one of the day; undefined for what is no colour that is known here. */
export function nightColour(colour: string): string | undefined {
  const rgb = parsed(colour);
  if (!rgb) return undefined;
  const [L, a, b] = oklab(rgb);
  if (L > 0.998) return NIGHT_PAPER;
  // Middle greys draw data and need more light than a mirror gives them; what is next to white draws grids and needs none.
  const mirrored = PAPER + (INK - PAPER) * (1 - L) * (1 + 0.6 * L);
  const strength = smooth((Math.hypot(a, b) - 0.04) / 0.07);
  return hex(mirrored + strength * (Math.max(L, 0.62) - mirrored), a, b);
}

/** The picture with both its faces, as the text of an SVG. */
export function forBothThemes(svg: string): string {
  const known = new Map<string, string>();
  const pair = (colour: string): string => {
    if (!known.has(colour)) {
      const night = nightColour(colour);
      known.set(colour, night === undefined ? colour : `light-dark(${colour},${night})`);
    }
    return known.get(colour)!;
  };
  // Groups of marks do not nest in each other, but for the containers, which hold no marks of their own.
  const groups = svg.split(/(?=<g class="mark-)/);
  const pixels = new Set(groups.filter(isPicture).flatMap(coloursOf));
  return groups
    .map((group) => {
      if (isPicture(group)) return group;
      // A picture's colours are data where bars beside it show them, too.
      const kept = pixels.size > 0 && group.startsWith('<g class="mark-rect role-mark') ? pixels : new Set<string>();
      const text = group.replace(/ (fill|stroke|stop-color)="([^"]*)"/g, (whole, name, colour) =>
        name === "fill" && kept.has(colour) ? whole : ` ${name}="${pair(colour)}"`,
      );
      return group.startsWith('<g class="mark-text role-mark')
        ? text.replace(/<text(?: [\w:-]+="[^"]*")*>/g, haloed)
        : text;
    })
    .join("");
}

const coloursOf = (group: string) => [...group.matchAll(/ (?:fill|stroke)="([^"]+)"/g)].map(([, colour]) => colour!);

/**
 * A picture is drawn by many cells, or by few paths of many pieces each, one path a colour. A table that is coloured by its
 * values has fewer cells, since numbers stand in it, and fewer colours.
 */
function isPicture(group: string): boolean {
  const kind = /^<g class="mark-(\w+) role-mark/.exec(group)?.[1];
  if (kind === "rect" || kind === "rule") {
    const pattern = kind === "rect" ? / fill="([^"]+)"/g : / stroke="([^"]+)"/g;
    const colours = [...group.matchAll(pattern)].map(([, colour]) => colour);
    const different = new Set(colours).size;
    if (kind === "rule") return colours.length >= 400 && different >= 6;
    return colours.length >= 400 || (colours.length >= 144 && different > 16);
  }
  if (kind !== "symbol" && kind !== "shape") return false;
  const pieces = [...group.matchAll(/ d="([^"]+)"/g)].map(([, path]) => path!.split("M").length - 1);
  return pieces.length > 1 && pieces.reduce((sum, n) => sum + n, 0) >= Math.max(200, 8 * pieces.length);
}

/** Text that was dark stands, when it is light, on whatever lies below it: an edge in the paper's colour keeps it legible. */
function haloed(tag: string): string {
  const day = / fill="light-dark\(((?:[^,(]|\([^)]*\))+),/.exec(tag)?.[1];
  const rgb = day && parsed(day);
  if (!rgb || oklab(rgb)[0] > 0.5 || / stroke="/.test(tag)) return tag;
  const edge = `stroke="light-dark(transparent,${NIGHT_PAPER})" stroke-width="2.5" stroke-linejoin="round"`;
  return `${tag.slice(0, -1)} paint-order="stroke" ${edge}>`;
}

type Triple = readonly [number, number, number];

/** Red, green, blue in [0, 1]. */
function parsed(colour: string): Triple | undefined {
  const text = NAMES[colour.toLowerCase()] ?? colour;
  const short = /^#([\da-f])([\da-f])([\da-f])$/i.exec(text);
  const long = short
    ? short.slice(1).map((digit) => digit + digit)
    : /^#([\da-f]{2})([\da-f]{2})([\da-f]{2})$/i.exec(text)?.slice(1);
  const values =
    long?.map((digits) => Number.parseInt(digits, 16)) ??
    /^rgb\(\s*(\d+)\s*,\s*(\d+)\s*,\s*(\d+)\s*\)$/.exec(text)?.slice(1).map(Number);
  return values && [values[0]! / 255, values[1]! / 255, values[2]! / 255];
}

const smooth = (t: number) => {
  const inside = Math.min(1, Math.max(0, t));
  return inside * inside * (3 - 2 * inside);
};

/** Lightness and two axes of colour in which equal steps look equal (Ottosson's OKLab). */
function oklab(rgb: Triple): Triple {
  const [r, g, b] = rgb.map((value) => (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4)) as [
    number,
    number,
    number,
  ];
  const l = Math.cbrt(0.4122214708 * r + 0.5363325363 * g + 0.0514459929 * b);
  const m = Math.cbrt(0.2119034982 * r + 0.6806995451 * g + 0.1073969566 * b);
  const s = Math.cbrt(0.0883024619 * r + 0.2817188376 * g + 0.6299787005 * b);
  return [
    0.2104542553 * l + 0.793617785 * m - 0.0040720468 * s,
    1.9779984951 * l - 2.428592205 * m + 0.4505937099 * s,
    0.0259040371 * l + 0.7827717662 * m - 0.808675766 * s,
  ];
}

/** The colour as #rrggbb; what no screen shows is brought in by taking colour away. */
function hex(L: number, a: number, b: number): string {
  for (let part = 1; ; part -= 0.05) {
    const l = (L + part * (0.3963377774 * a + 0.2158037573 * b)) ** 3;
    const m = (L - part * (0.1055613458 * a + 0.0638541728 * b)) ** 3;
    const s = (L - part * (0.0894841775 * a + 1.291485548 * b)) ** 3;
    const linear = [
      4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s,
      -1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s,
      -0.0041960863 * l - 0.7034186147 * m + 1.707614701 * s,
    ];
    if (part > 0.05 && linear.some((value) => value < -0.001 || value > 1.001)) continue;
    const digits = linear.map((value) => {
      const inside = Math.min(1, Math.max(0, value));
      const screen = inside <= 0.0031308 ? 12.92 * inside : 1.055 * inside ** (1 / 2.4) - 0.055;
      return Math.round(screen * 255)
        .toString(16)
        .padStart(2, "0");
    });
    return `#${digits.join("")}`;
  }
}
