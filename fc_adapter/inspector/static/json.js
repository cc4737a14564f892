/** JSON for people: laid out and coloured, without going through JavaScript's numbers, so nothing is lost. */

import { make } from "./dom.js";

const FOLDED = 5; // items of a list from which on it is folded
const TOKEN = /"(?:[^"\\]|\\[^])*"?|-?\d[\d.eE+-]*|[{}[\],:]|[A-Za-z]+|\s+|[^]/g;

/**
 * Lay out JSON text, which may have been cut off.
 * @param {string} source
 * @returns {{kind: string, text: string}[]} pieces; `kind` is `key`, `string`, `number`, `word` or `""`
 */
export function layOut(source) {
  const pieces = [];
  const stack = [];
  let depth = 0;
  let isEmpty = false;
  let expectsKey = false;
  const put = (kind, piece) => pieces.push({ kind, text: piece });
  const newLine = () => put("", `\n${"  ".repeat(depth)}`);
  for (const [token] of source.matchAll(TOKEN)) {
    if (/^\s/.test(token)) continue;
    const isClosing = token === "}" || token === "]";
    if (isEmpty && !isClosing) newLine();
    if (token === "{" || token === "[") {
      put("", token);
      stack.push(token);
      depth += 1;
      isEmpty = true;
      expectsKey = token === "{";
      continue;
    }
    if (isClosing) {
      stack.pop();
      depth = stack.length;
      if (!isEmpty) newLine();
      put("", token);
      expectsKey = false;
    } else if (token === ",") {
      put("", ",");
      newLine();
      expectsKey = stack.at(-1) === "{";
    } else if (token === ":") {
      put("", ": ");
      expectsKey = false;
    } else if (token[0] === '"') {
      put(expectsKey ? "key" : "string", withoutEscapes(token));
    } else {
      put(/^[-\d]/.test(token) ? "number" : "word", token);
    }
    isEmpty = false;
  }
  return pieces;
}

const ESCAPE = /\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|[^])/g;
const SHOWN = /^[\p{L}\p{M}\p{N}\p{P}\p{S}]$/u; // not controls, separators, halves of pairs, or what turns text around

/** A string of JSON with its letters and signs decoded; quotes, backslashes and what does not show stay escaped. */
function withoutEscapes(token) {
  return token.replace(ESCAPE, (escape) => {
    if (escape[1] !== "u") return escape;
    const character = JSON.parse(`"${escape}"`);
    return SHOWN.test(character) && character !== '"' && character !== "\\" ? character : escape;
  });
}

/** Elements for pieces that `layOut` has made. */
export function colour(pieces) {
  return pieces.map((piece) => (piece.kind ? make(`span.j-${piece.kind}`, {}, piece.text) : piece.text));
}

/**
 * A JSON value as nested lists, with what `marks(path)` gives beside the value at each path.
 * @param {any} value
 * @param {(path: (string|number)[]) => {classes: string, badges: Node[], notes: Node[]}} marks
 */
export function renderTree(value, marks) {
  return make("div.tree", {}, renderValue(value, [], marks, ""));
}

function renderValue(value, path, marks, comma) {
  if (value === null || typeof value !== "object") {
    return [renderScalar(value), comma];
  }
  const isList = Array.isArray(value);
  const entries = Object.entries(value);
  const [open, close] = isList ? "[]" : "{}";
  if (!entries.length) return [open, close, comma];
  const items = entries.map(([name, each], index) => {
    const here = [...path, isList ? index : name];
    const mark = marks(here);
    const last = index === entries.length - 1 ? "" : ",";
    const key = isList ? [] : [make("span.j-key", {}, JSON.stringify(name)), ": "];
    return make(
      `li.tree-item${mark.classes}`,
      {},
      isComposite(each)
        ? [key, mark.badges, renderValue(each, here, marks, last)]
        : [key, renderValue(each, here, marks, last), mark.badges],
      mark.notes,
    );
  });
  const list = make("ul.tree-list", {}, items);
  if (!isList || entries.length < FOLDED) return [open, list, close, comma];
  return make("details.fold", {}, make("summary", {}, `[ ${entries.length} ]${comma}`), list);
}

function isComposite(value) {
  return value !== null && typeof value === "object" && Object.keys(value).length > 0;
}

function renderScalar(value) {
  if (typeof value === "string") return make("span.j-string", {}, JSON.stringify(value));
  if (typeof value === "number") return make("span.j-number", {}, value);
  return make("span.j-word", {}, JSON.stringify(value));
}
