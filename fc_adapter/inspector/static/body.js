/** Bodies: JSON laid out, text, the fields of a form, an image, or bytes in hex. */

import { make, replace } from "./dom.js";
import { size } from "./format.js";
import { text } from "./i18n.js";
import { colour, layOut } from "./json.js";

const AT_FIRST = 20_000; // characters that are laid out unasked

/**
 * A body with its head.
 * @param {Object} body as the runner describes it
 * @param {{title?: string, empty?: string, image?: string, marks?: {badges: Node[], notes: Node[], classes: string}|null}} options
 */
export function renderBody(body, { title = text("body"), empty = text("emptyBody"), image = "", marks = null } = {}) {
  const facts = [];
  if (body.size) facts.push(size(body.size));
  if (body.type) facts.push(body.type);
  if (body.charset && body.charset !== "utf-8") facts.push(body.charset);
  if (body.inflated) facts.push(text("bodyInflated", { encoding: body.inflated }));
  const head = make(
    "div.body-head",
    {},
    make("h4", {}, title),
    make("span.body-facts", {}, facts.join(" · ")),
    marks?.badges,
  );
  const place = make(`div.body${marks?.classes ?? ""}`, {}, head, marks?.notes);
  if (body.kind === "empty") {
    place.append(make("p.none", {}, empty));
    return place;
  }
  if (body.shown < body.size) {
    place.append(make("p.note", {}, text("bodyCut", { shown: size(body.shown), size: size(body.size) })));
  }
  if (body.claim === "json") place.append(make("p.note", {}, text("notJson")));
  place.append(renderContent(body, image, head));
  return place;
}

function renderContent(body, image, head) {
  if (body.kind === "json") return renderJson(body.text, head);
  if (body.kind === "text") return renderLong(body.text, (shown) => [shown]);
  if (body.kind === "form") return renderFields(body.fields);
  if (body.kind === "parts") return renderParts(body.parts);
  if (body.kind === "image") return renderImage(body, image);
  return renderHex(body);
}

function renderJson(source, head) {
  const place = make("div");
  const show = (isPretty) => {
    replace(place, renderLong(source, (shown) => (isPretty ? colour(layOut(shown)) : [shown])));
  };
  const button = make("button.quiet", { type: "button", "aria-pressed": "false" }, text("raw"));
  button.addEventListener("click", () => {
    const isRaw = button.getAttribute("aria-pressed") !== "true";
    button.setAttribute("aria-pressed", String(isRaw));
    show(!isRaw);
  });
  head.append(button);
  show(true);
  return place;
}

/** Text of which the beginning is shown, and all when that is asked for. */
function renderLong(source, render) {
  const pre = make("pre.text", { tabindex: 0 });
  replace(pre, ...render(source.slice(0, AT_FIRST)));
  if (source.length <= AT_FIRST) return pre;
  const place = make("div", {}, pre);
  const more = make("button", { type: "button" }, text("showAll", { size: size(source.length) }));
  more.addEventListener("click", () => {
    replace(pre, ...render(source));
    more.remove();
    pre.focus();
  });
  place.append(more);
  return place;
}

function renderFields(fields) {
  const rows = fields.map((field) =>
    make("tr", {}, make("th", { scope: "row" }, field.name), make("td", {}, field.value)),
  );
  return make("table.pairs", {}, make("tbody", {}, rows));
}

/** The parts of a multipart body, each as a body with its name. */
function renderParts(parts) {
  return make(
    "div.parts",
    {},
    parts.map((part) => renderBody(part.body, { title: [part.name, part.filename].filter(Boolean).join(" · ") })),
  );
}

function renderImage(body, image) {
  if (!body.sample) return make("p.note", {}, text("hidden"));
  if (body.cut) return make("p.note", {}, text("imageCut"));
  if (body.inflated || !image) return renderHex(body);
  return make("p.picture", {}, make("img", { src: image, alt: text("image"), loading: "lazy" }));
}

function renderHex(body) {
  if (!body.sample) return make("p.note", {}, text("hidden"));
  const bytes = Uint8Array.from(atob(body.sample), (character) => character.charCodeAt(0));
  const place = make("div");
  if (bytes.length < body.size) {
    place.append(make("p.note", {}, text("hexOf", { shown: size(bytes.length), size: size(body.size) })));
  }
  place.append(make("pre.hex", { tabindex: 0 }, hexLines(bytes).join("\n")));
  return place;
}

/** Lines of offset, bytes and what is printable of them. */
export function hexLines(bytes) {
  const width = 8;
  const lines = [];
  for (let offset = 0; offset < bytes.length; offset += width) {
    const row = [...bytes.subarray(offset, offset + width)];
    const hex = row.map((byte) => byte.toString(16).padStart(2, "0")).join(" ");
    const shown = row.map((byte) => (byte > 32 && byte < 127 ? String.fromCharCode(byte) : "·")).join("");
    lines.push(`${offset.toString(16).padStart(4, "0")}  ${hex.padEnd(width * 3 - 1)}  ${shown}`);
  }
  return lines;
}
