/** The log of one invocation. */

import { make } from "./dom.js";
import { duration, size } from "./format.js";
import { text } from "./i18n.js";

const LEVEL = /\[(DEBUG|INFO|WARNING|ERROR|CRITICAL)\]/;

/** @param {Object} detail one invocation, as the runner describes it */
export function renderLog(detail) {
  const lines = detail.log;
  const content = [];
  let phase = "run";
  if (detail.lost) content.push(make("p.note", {}, text("lostLines", { count: detail.lost })));
  for (const line of lines) {
    if (line.phase !== phase) {
      if (line.phase !== "run") content.push(make("p.log-phase", {}, text(`phase.${line.phase}`)));
      phase = line.phase;
    }
    content.push(renderLine(line));
  }
  if (!lines.length) {
    content.push(make("p.none", {}, text(detail.instance === "in-process" ? "noLogInProcess" : "noLog")));
  }
  const count = lines.length > 0 && make("span.muted", {}, ` ${text("lines", { count: lines.length })}`);
  return make(
    "section.log",
    { "aria-labelledby": "log-title" },
    make("h3", { id: "log-title" }, text("log"), count),
    make("div.log-lines", { role: "group", "aria-labelledby": "log-title", tabindex: 0 }, content),
  );
}

function renderLine(line) {
  const level = LEVEL.exec(line.text)?.[1] ?? "";
  const kind = /^FC Invoke (Start|End) RequestId: /.test(line.text) ? "platform" : level.toLowerCase() || "plain";
  const lost = line.lost > 0 && make("span.muted", {}, text("lostBytes", { size: size(line.lost) }));
  return make(
    `div.log-line.l-${kind}`,
    {},
    make("span.log-ms", {}, `${line.ms < 0 ? "−" : "+"}${duration(Math.abs(line.ms))}`),
    make("span.log-text", {}, line.text, lost),
  );
}
