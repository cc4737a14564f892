/** The four stages of a request, with what changed marked where it happened. */

import { renderBody } from "./body.js";
import { make } from "./dom.js";
import { size } from "./format.js";
import { because, text } from "./i18n.js";
import { renderTree } from "./json.js";
import { status } from "./list.js";

const NO_RESULT = { refused: "noResult", aborted: "noResultToEnd" };

/** Which marks are open: by rule, so that what was closed once stays closed. */
const closed = new Set();
const opened = new Set();

/** @param {Object} detail one invocation, as the runner describes it */
export function renderStations(detail) {
  const marks = new Marks(detail.changes ?? []);
  return make(
    "div.stations",
    {},
    station("request", marks, renderRequest(detail, marks)),
    station("event", marks, renderEvent(detail, marks)),
    station("result", marks, renderResult(detail, marks)),
    station("response", marks, renderResponse(detail, marks)),
  );
}

function station(name, marks, content) {
  const count = marks.count(name) + (name === "result" ? marks.count("app") : 0);
  return make(
    `section.station.${name}`,
    { "aria-labelledby": `station-${name}` },
    make(
      "header.station-head",
      {},
      make("h3", { id: `station-${name}` }, text(`station.${name}`)),
      make("p", {}, text(`station.${name}.sub`)),
      count > 0 && make("span.changes", {}, text("changes", { count })),
    ),
    make("div.station-body", {}, content),
  );
}

function renderRequest(detail, marks) {
  const request = detail.request;
  const image = detail.kept.request ? imageOf(detail, "request") : "";
  return [
    make("p.start-line", {}, request.method !== "-" && make("span.strong", {}, `${request.method} `), request.target),
    detail.decoded && make("p.decoded-target", {}, make("span.muted", {}, `${text("decodedTarget")} `), detail.decoded),
    request.query.length > 0 && [
      make("h4", {}, text("query")),
      pairsTable(request.query, (index) => marks.at("request", ["query", index])),
    ],
    make("h4", {}, text("headers")),
    pairsTable(request.headers, (index) => marks.at("request", ["headers", index]), "noHeaders"),
    renderBody(request.body, { image }),
  ];
}

function renderEvent(detail, marks) {
  if (!detail.event) return make("p.none", {}, text(detail.status === null ? "stillRunning" : "noEvent"));
  const { document: event, body } = detail.event;
  return [
    renderTree(event, (path) => marks.at("event", path)),
    body && renderBody(body, { title: text("decodedRequest") }),
  ];
}

function renderResult(detail, marks) {
  const result = detail.result;
  if (!result) return make("p.none", {}, text(detail.status === null ? "stillRunning" : NO_RESULT[detail.failure]));
  const whole = marks.at("result", []);
  return [
    whole.badges.length > 0 && make("p", {}, whole.badges),
    whole.notes,
    result.kind === "raw"
      ? renderBody(result.body, { title: text("value") })
      : renderTree(result.document, (path) => marks.at("result", path)),
    result.kind === "envelope" && result.body && renderBody(result.body, { title: text("decodedResponse") }),
    detail.app && renderAnswer(detail.app, marks),
  ];
}

function renderAnswer(app, marks) {
  return make(
    "details.answer",
    {},
    make("summary", {}, text("answer"), make("span.muted", {}, ` ${text("answerHint")}`)),
    make("p.start-line", {}, status(app.status), ` ${size(app.size)}`),
    pairsTable(app.headers, (index) => marks.at("app", ["headers", index])),
  );
}

function renderResponse(detail, marks) {
  const response = detail.response;
  if (!response) return make("p.none", {}, text("stillRunning"));
  const mark = marks.at("response", ["status"]);
  const image = detail.kept.response ? imageOf(detail, "response") : "";
  return [
    make(`p.start-line${mark.classes}`, {}, status(response.status), ` ${response.reason} `, mark.badges),
    mark.notes,
    make("h4", {}, text("responseHeaders")),
    pairsTable(response.headers, (index) => marks.at("response", ["headers", index])),
    renderBody(response.body, {
      title: text("responseBody"),
      empty: text("emptyResponse"),
      image,
      marks: marks.at("response", ["body"]),
    }),
  ];
}

/** The address of the image that a body is. */
function imageOf(detail, name) {
  return `api/invocations/${encodeURIComponent(detail.id)}/image/${name}${detail.reveal ? "?reveal=1" : ""}`;
}

/** Names and values as a table. `mark(index)` tells what is marked in a row. */
function pairsTable(pairs, mark, none = "noResponseHeaders") {
  if (!pairs.length) return make("p.none", {}, text(none));
  const rows = pairs.map((pair, index) => {
    const { classes, badges, notes } = mark(index);
    return make(
      `tr${classes}`,
      {},
      make("th", { scope: "row" }, pair.name),
      make("td", {}, make("span.pair-value", {}, pair.value), pair.raw && make("span.pair-raw", {}, pair.raw), badges.length > 0 && [" ", badges], notes),
    );
  });
  const titles = ["name", "value"].map((each) => make("th", { scope: "col" }, text(each)));
  return make("table.pairs", {}, make("thead.hidden", {}, make("tr", {}, titles)), make("tbody", {}, rows));
}

/** What changed, by station and place. */
class Marks {
  constructor(changes) {
    this.places = new Map();
    this.counts = new Map();
    this.said = new Set();
    for (const change of changes) {
      const place = key(change.station, change.path);
      this.places.set(place, [...(this.places.get(place) ?? []), change]);
      this.counts.set(change.station, (this.counts.get(change.station) ?? 0) + 1);
    }
  }

  count(name) {
    return this.counts.get(name) ?? 0;
  }

  /** The marks at one place: badges to put beside it, and their sentences to put below. */
  at(name, path) {
    const changes = this.places.get(key(name, path)) ?? [];
    const badges = [];
    const notes = [];
    let classes = "";
    for (const change of changes) {
      const said = key(change.station, [sentence(change)]);
      const { badge, note } = renderMark(change, !this.said.has(said));
      this.said.add(said);
      badges.push(badge);
      notes.push(note);
      classes = `.marked.${change.loses ? "loses" : "alters"}`;
      if (GONE.has(change.rule)) classes += ".is-gone";
    }
    return { classes, badges, notes };
  }
}

/** Rules after which what they mark is no longer there. */
const GONE = new Set([
  "header-dropped",
  "proto-replaced",
  "answer-header-dropped",
  "header-reserved",
  "header-invalid",
]);

let counter = 0;

/** A badge, and the sentence that it opens: what matters is open at first, where it is said the first time. */
function renderMark(change, isNew) {
  const isOpen = isNew && (change.loses ? !closed.has(change.rule) : opened.has(change.rule));
  const id = `note-${(counter += 1)}`;
  const note = make("p.mark-note", { id, hidden: !isOpen }, sentence(change));
  const badge = make(
    `button.mark.${change.loses ? "loses" : "alters"}`,
    { type: "button", "aria-expanded": String(isOpen), "aria-controls": id, title: sentence(change) },
    text(`rule.${change.rule}`),
  );
  badge.addEventListener("click", () => {
    note.hidden = !note.hidden;
    badge.setAttribute("aria-expanded", String(!note.hidden));
    const [remembered, forgotten] = note.hidden ? [closed, opened] : [opened, closed];
    remembered.add(change.rule);
    forgotten.delete(change.rule);
  });
  return { badge, note };
}

/** What a change is about. */
export function sentence(change) {
  const lacks = { "body-base64": "type", "query-damaged": "text" }[change.rule];
  const { values } = change;
  const name = `says.${change.rule}${lacks && !values[lacks] ? ".none" : ""}`;
  return text(name, "reason" in values ? { ...values, reason: because(change.reason, values.reason) } : values);
}

function key(name, path) {
  return JSON.stringify([name, ...path]);
}
