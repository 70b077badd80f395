/** Pictures of vega, made ready to stand in a page. */
import { forBothThemes } from "./night.ts";

/** A picture inside the page: the ids in it get a prefix of their own, since every picture of vega counts its clips from 0. */
export function inPage(svg: string, prefix: string): string {
  // Without the white sheet that vega lays under a picture: the page has a paper of its own.
  return forBothThemes(svg.replace(SHEET, ""))
    .replace(/ id="((?:clip|gradient)[^"]*)"/g, ` id="${prefix}$1"`)
    .replace(/url\(#((?:clip|gradient)[^)]*)\)/g, `url(#${prefix}$1)`);
}

/** A picture as a file: it keeps a sheet, and takes light or dark from the page that shows it. */
export function asFile(svg: string): string {
  return forBothThemes(svg).replace("<svg ", '<svg style="color-scheme:light dark" ');
}

const SHEET = /<rect width="[\d.]+" height="[\d.]+" fill="(?:white|#fff|#ffffff)"\s*(?:\/>|><\/rect>)/;
