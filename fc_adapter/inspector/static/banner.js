/** What went wrong, at the head of an invocation: the exception, the user's own line, and the way to it. */

import { make } from "./dom.js";
import { because, text } from "./i18n.js";
import { sentence } from "./stations.js";

/** @param {Object} detail one invocation, as the runner describes it */
export function renderBanner(detail) {
  if (detail.problem) return renderProblem(detail);
  const change = (detail.changes ?? []).find((each) => each.rule === "refused" || each.rule === "result-refused");
  if (!change) return null;
  return section(change.rule === "refused" ? ".is-mild" : "", sentence(change), []);
}

function section(kind, title, content) {
  return make(
    `section.error${kind}`,
    { "aria-labelledby": "error-title", role: "group" },
    make("h3", { id: "error-title" }, title),
    content,
  );
}

function renderProblem(detail) {
  const { problem, result } = detail;
  const isMild = problem.kind === "logged" && !detail.failure;
  const own = problem.own ?? problem.via;
  const isStopped = problem.kind === "stopped";
  const title = isStopped ? text("says.aborted", { reason: because(problem.reason, problem.message) }) : headline(problem);
  const content = [
    isMild && make("p.error-note", {}, text("problemLogged")),
    own && renderOwn(own, isStopped),
    renderFrames(problem),
    problem.causes.map((cause) => [
      make("p.error-cause", {}, text("problemCause"), " ", make("span.mono", {}, headline(cause))),
      renderFrames(cause),
    ]),
    result?.traceback && renderTraceback(result.traceback),
  ];
  return section(isMild ? ".is-mild" : "", title, content);
}

function headline(problem) {
  return [problem.type, problem.message].filter(Boolean).join(": ");
}

/** The line of the user's own code that it comes from. */
function renderOwn(frame, isStopped) {
  return make(
    "figure.own-line",
    {},
    make(
      "figcaption",
      {},
      text(isStopped ? "problemStood" : "problemAt"),
      " ",
      make("span.mono.strong", {}, `${frame.file}:${frame.line}`),
      frame.name && make("span.mono.muted", {}, ` ${frame.name}`),
    ),
    frame.code && make("pre", { tabindex: 0 }, frame.code),
  );
}

/** The way to it: own frames are open, those of libraries folded. */
function renderFrames(problem) {
  if (problem.frames.length < 2) return null;
  const items = [];
  for (const run of runsOf(problem.frames)) {
    const frames = run.map((frame) => renderFrame(frame));
    if (!run[0].library) items.push(...frames);
    else items.push(make("li", {}, renderFolded(run, frames)));
  }
  return make("ol.frames", { "aria-label": text("problemWay") }, items);
}

function renderFolded(run, frames) {
  const names = [...new Set(run.map((frame) => frame.library))].join(", ");
  const summary = make("summary", {}, text("problemFolded", { count: run.length, names }));
  return make("details.folded", {}, summary, make("ol.frames", {}, frames));
}

/** Frames that follow each other and are all of the user's own code, or none. */
function runsOf(frames) {
  const runs = [];
  for (const frame of frames) {
    const last = runs.at(-1);
    if (last && !last[0].library === !frame.library) last.push(frame);
    else runs.push([frame]);
  }
  return runs;
}

function renderFrame(frame) {
  return make(
    `li.frame${frame.library ? "" : ".is-own"}`,
    {},
    make("span.frame-place", {}, `${frame.file}:${frame.line}`),
    frame.name && make("span.frame-name", {}, ` ${frame.name}`),
    frame.code && make("code.frame-code", {}, frame.code),
  );
}

function renderTraceback(traceback) {
  return make(
    "details.raw-traceback",
    {},
    make("summary", {}, text("traceback")),
    make("pre.text.traceback", { tabindex: 0 }, traceback),
  );
}
