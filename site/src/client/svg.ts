/** Pictures of vega, made ready to stand in a page. */

/** The ids inside a picture get a prefix of their own: every picture of vega counts its clips from 0. */
export function uniqueIds(svg: string, prefix: string): string {
  return onPaper(svg)
    .replace(/ id="((?:clip|gradient)[^"]*)"/g, ` id="${prefix}$1"`)
    .replace(/url\(#((?:clip|gradient)[^)]*)\)/g, `url(#${prefix}$1)`);
}

/** Without the white sheet that vega lays under a picture: the page has a paper of its own. */
export function onPaper(svg: string): string {
  return svg.replace(/<rect width="[\d.]+" height="[\d.]+" fill="(?:white|#fff|#ffffff)"\s*(?:\/>|><\/rect>)/, "");
}
