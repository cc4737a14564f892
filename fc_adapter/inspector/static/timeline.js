/** When what happened: before the request, while the client waited, and afterwards. */

import { make } from "./dom.js";
import { duration, timeOfDay } from "./format.js";
import { text } from "./i18n.js";

/** @param {Object} detail one invocation, as the runner describes it */
export function renderTimeline(detail) {
  const spans = detail.timeline ?? [];
  if (!spans.length) return null;
  const before = spans.filter((span) => span.name !== "freeze" && span.name !== "frozen" && span.to <= 0);
  const frozen = spans.find((span) => span.name === "frozen");
  const freeze = spans.find((span) => span.name === "freeze");
  const during = spans.filter((span) => !["freeze", "frozen"].includes(span.name) && span.to > 0);
  const end = Math.max(detail.ms ?? 0, ...during.map((span) => span.to), 0.001);

  const track = make("div.track", { "aria-hidden": "true" });
  for (const span of during) {
    const segment = make(`span.segment.t-${span.name}`, { title: label(span) });
    const from = Math.max(span.from, 0);
    segment.style.left = `${(from / end) * 100}%`;
    segment.style.width = `${((span.to - from) / end) * 100}%`;
    track.append(segment);
  }
  const items = [
    ...before.map((span) => item(`t-${span.name}`, `${label(span)}, ${text("before")}`)),
    frozen && item("t-frozen", text("frozenBefore", { time: duration(frozen.to - frozen.from) })),
    ...during.map((span) => item(`t-${span.name}`, label(span))),
    freeze && item("t-frozen", describeFreeze(detail, freeze)),
  ];
  const summary = text(detail.async ? "finished" : "answered", { time: duration(detail.ms) });
  const cap = (kind) => make(`span.cap.${kind}`, { "aria-hidden": "true" });
  return make(
    "section.timeline",
    { "aria-labelledby": "timeline-title" },
    make("h3", { id: "timeline-title" }, text("timeline"), make("span.muted", {}, ` ${summary}`)),
    make(
      "div.tracks",
      {},
      before.length > 0 && cap("t-start"),
      frozen && cap("t-frozen"),
      track,
      freeze && cap("t-frozen"),
    ),
    make("ol.legend", {}, items),
  );
}

function describeFreeze(detail, freeze) {
  if (freeze.to === null) return text("frozenSince", { time: timeOfDay(detail.at + freeze.from) });
  return text("frozenAfter", { time: duration(freeze.to - freeze.from) });
}

function label(span) {
  return `${text(`span.${span.name}`)} ${duration(span.to - span.from)}`;
}

function item(kind, content) {
  return make("li", {}, make(`span.swatch.${kind}`, { "aria-hidden": "true" }), content);
}
