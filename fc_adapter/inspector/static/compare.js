/** Two invocations beside each other: what differs, line by line. */

import { attempt, closeDialog, dialogActions, openDialog } from "./dialog.js";
import { make } from "./dom.js";
import { timeOfDay } from "./format.js";
import { text } from "./i18n.js";
import { ask } from "./live.js";

const AROUND = 3; // equal lines that are shown before and after those that differ

/**
 * Compare an invocation: with the one that it repeats, or one that is chosen.
 * @param {import("./live.js").Live} live
 * @param {Object} detail the invocation, as the runner describes it
 */
export function openCompare(live, detail) {
  const others = [...live.invocations.values()].filter((each) => each.id !== detail.id);
  others.sort((a, b) => rank(b, detail) - rank(a, detail) || b.number - a.number);
  const origin = others.find((each) => each.id === detail.origin);
  if (origin) return show(live, detail, origin);
  return choose(live, detail, others);
}

/** Repetitions of it come first, then those of the same method and path. */
function rank(each, detail) {
  if (each.origin === detail.id) return 2;
  return each.method === detail.method && pathOf(each) === pathOf(detail) ? 1 : 0;
}

function pathOf(each) {
  return each.target.split("?")[0];
}

function choose(live, detail, others) {
  const rows = others.map((each) =>
    make(
      "li",
      {},
      make("button.pick", { type: "button", onclick: () => show(live, detail, each) }, label(each)),
    ),
  );
  openDialog(
    make(
      "div.compose",
      {},
      make("h2", { id: "dialog-title" }, text("compareTitle")),
      make("p", {}, text(rows.length ? "comparePick" : "compareNone")),
      make("ul.picks", {}, rows),
      dialogActions(text("cancel")),
    ),
  );
}

function label(each) {
  return [
    make("span.mono", {}, `${each.method} ${each.decoded ?? each.target}`),
    make("span.muted", {}, ` ${each.status ?? "···"} · ${timeOfDay(each.at)}`),
  ];
}

/** Show what differs: the older one first. */
function show(live, one, other) {
  const [first, second] = one.number < other.number ? [one, other] : [other, one];
  return attempt(async () => {
    const path = [first.id, "diff", second.id].map(encodeURIComponent).join("/");
    const { sections } = await (await ask(`invocations/${path}${one.reveal ? "?reveal=1" : ""}`)).json();
    const choice = make("button", { type: "button", onclick: () => chooseAgain(live, one) }, text("comparePick"));
    openDialog(
      make(
        "div.compose.compare",
        {},
        make("h2", { id: "dialog-title" }, text("compareTitle")),
        make("p.diff-line.is-gone", {}, "− ", label(first)),
        make("p.diff-line.is-new", {}, "+ ", label(second)),
        make("p.hint", {}, text("compareHint")),
        sections.map(renderSection),
        dialogActions(text("close"), choice),
      ),
    );
  });
}

function chooseAgain(live, one) {
  closeDialog();
  const others = [...live.invocations.values()].filter((each) => each.id !== one.id);
  choose(live, one, others.sort((a, b) => b.number - a.number));
}

function renderSection(section) {
  return make(
    "section.diff",
    {},
    make("h3", {}, text(`diff.${section.name}`), section.same && make("span.muted", {}, ` ${text("compareSame")}`)),
    section.cut > 0 && make("p.note", {}, text("compareCut", { count: section.cut })),
    !section.same && make("pre.diff-lines", { tabindex: 0 }, renderLines(section.lines)),
  );
}

/** The lines that differ, and some around them. */
function renderLines(lines) {
  const near = lines.map((_, index) =>
    lines.slice(Math.max(0, index - AROUND), index + AROUND + 1).some(([mark]) => mark !== " "),
  );
  const kinds = { "-": ".is-gone", "+": ".is-new", " ": "" };
  return lines.map(([mark, line], index) => {
    if (near[index]) return make(`span.diff-line${kinds[mark]}`, {}, `${mark === "-" ? "−" : mark} ${line}\n`);
    return near[index - 1] || index === 0 ? make("span.diff-line.muted", {}, "⋯\n") : null;
  });
}
