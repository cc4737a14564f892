/** One invocation: its head with the actions, then all that is known of it. */

import { Actions } from "./actions.js";
import { renderBanner } from "./banner.js";
import { byId, focusedPart, focusPart, make, replace } from "./dom.js";
import { duration, fullTime, timeOfDay } from "./format.js";
import { text } from "./i18n.js";
import { renderKeys } from "./keys.js";
import { renderTags, status } from "./list.js";
import { ask, Refusal } from "./live.js";
import { renderLog } from "./log.js";
import { renderStations } from "./stations.js";
import { renderTimeline } from "./timeline.js";

export class Detail {
  /**
   * @param {import("./live.js").Live} live
   * @param {{back: () => void, open: (id: string) => void}} navigation
   */
  constructor(live, navigation) {
    this.live = live;
    this.navigation = navigation;
    this.place = byId("detail");
    this.actions = new Actions(live, (id) => navigation.open(id));
    this.id = null;
    this.version = null;
    this.reveal = false;
    this.isLocked = false;
    this.seen = null;
    this.request = null;
    this.sections = {};
    live.listen((kinds) => {
      if (kinds.has("invocations")) this.update();
      if (this.isOpenEnded() && this.surroundings() !== this.seen) this.load();
    });
  }

  /** Show the invocation with this id, or what there is to do when it is null. */
  show(id) {
    if (id === this.id) return;
    this.id = id;
    this.version = null;
    this.data = null;
    this.sections = {};
    this.reveal = false;
    this.request?.abort();
    if (id === null) this.showNothing();
    else this.load();
  }

  /** Load again what has changed. */
  update() {
    if (this.id === null) {
      if (!this.place.firstElementChild) this.showNothing();
      return;
    }
    const summary = this.live.invocations.get(this.id);
    if (summary === undefined ? this.data === null && !this.request : summary.version !== this.version) this.load();
  }

  /** Whether it is not known yet how long the instance was frozen after the invocation. */
  isOpenEnded() {
    const timeline = this.data?.timeline;
    return Boolean(timeline) && !timeline.some((span) => span.name === "freeze" && span.to !== null);
  }

  /** What tells more of that: whether the instance is frozen now, and which of its invocations was over last. */
  surroundings() {
    const id = this.live.invocations.get(this.id)?.instance;
    if (!id) return null;
    const isFrozen = this.live.instances.some((each) => each.id === id && each.state === "frozen");
    let last = 0;
    for (const each of this.live.invocations.values()) if (each.instance === id) last = Math.max(last, each.number);
    return `${isFrozen} ${last}`;
  }

  async load() {
    this.request?.abort();
    const request = (this.request = new AbortController());
    const id = this.id;
    this.seen = this.surroundings();
    try {
      const path = `invocations/${encodeURIComponent(id)}${this.reveal ? "?reveal=1" : ""}`;
      const answer = await ask(path, { signal: request.signal });
      const data = await answer.json();
      if (request !== this.request) return;
      this.version = data.version;
      this.data = data;
      this.render();
    } catch (error) {
      if ((error instanceof DOMException && error.name === "AbortError") || request !== this.request) return;
      if (this.data === null && error instanceof Refusal && this.live.complete) this.showGone();
      else if (!(error instanceof Refusal) && !(error instanceof TypeError)) throw error;
    } finally {
      if (request === this.request) this.request = null;
    }
  }

  /** Show what has changed, and leave alone what has not: people have opened and scrolled it. */
  render() {
    const detail = this.data;
    const { log, lost, lines, version, timeline, ...rest } = detail;
    const parts = {
      head: [rest, () => this.head(detail)],
      banner: [[rest.problem, rest.changes], () => renderBanner(detail)],
      timeline: [[timeline, rest.ms], () => renderTimeline(detail)],
      stations: [rest, () => renderStations(detail)],
      log: [[log, lost], () => renderLog(detail)],
    };
    const focus = focusedPart();
    const scroll = readLogScroll(this.sections.log?.element);
    const before = this.sections;
    this.sections = {};
    for (const [name, [basis, build]] of Object.entries(parts)) {
      const state = JSON.stringify([detail.id, basis]);
      this.sections[name] = before[name]?.state === state ? before[name] : { state, element: build() };
    }
    this.place.scrollTop = before.head ? this.place.scrollTop : 0;
    arrange(this.place, Object.values(this.sections).map((section) => section.element).filter(Boolean));
    if (this.sections.log !== before.log) scroll(this.sections.log.element);
    if (focus) focusPart(this.place, focus);
  }

  head(detail) {
    const query = detail.target.includes("?") ? detail.target.slice(detail.target.indexOf("?")) : "";
    const title = make(
      "h2",
      {},
      make("span.row-method", {}, detail.method),
      " ",
      make("span.target", {}, detail.request.path, query),
      " ",
      status(detail.status),
    );
    const back = { type: "button", onclick: this.navigation.back, "data-focus": "back", "aria-label": text("back") };
    const buttons = [this.actions.buttons(detail), this.revealButton(detail)];
    return make(
      "header.detail-head",
      {},
      make("button.back", back, "←"),
      make("div.detail-title", {}, title, make("p.detail-facts", {}, this.facts(detail))),
      make("div.actions", { role: "group", "aria-label": text("actions") }, buttons),
    );
  }

  /** Do to the chosen invocation what a key stands for. */
  press(name) {
    if (this.data) this.actions.press(name, this.data);
  }

  facts(detail) {
    const origin = this.live.invocations.get(detail.origin);
    return [
      make("span", { title: fullTime(detail.at) }, timeOfDay(detail.at)),
      make("span", {}, detail.status === null ? text("running") : duration(detail.ms)),
      renderTags(detail),
      origin && make("a", { href: `#${origin.id}` }, `← ${timeOfDay(origin.at)}`),
      detail.instance && make("span.mono", {}, detail.instance),
      make("span.mono.id", {}, detail.id),
    ];
  }

  revealButton(detail) {
    const hasSecrets = [...detail.request.headers, ...(detail.response?.headers ?? [])].some((header) => header.secret);
    if (!hasSecrets) return null;
    return make(
      "button",
      {
        type: "button",
        "aria-pressed": String(this.reveal),
        "data-focus": "reveal",
        onclick: () => {
          this.reveal = !this.reveal;
          this.load();
        },
      },
      text(this.reveal ? "conceal" : "reveal"),
    );
  }

  /** Say what to do where the page may ask for nothing, or take that back. */
  lock(isLocked) {
    if (isLocked === this.isLocked) return;
    this.isLocked = isLocked;
    if (isLocked) this.showLocked();
    else if (this.id === null) this.showNothing();
    else this.load();
  }

  showLocked() {
    this.sections = {};
    byId("panes").classList.add("shows-detail");
    const notice = [make("h2", {}, text("lockedTitle")), make("p", {}, text("lockedHint"))];
    replace(this.place, make("div.nothing.locked", { role: "alert" }, notice));
  }

  showNothing() {
    this.sections = {};
    replace(
      this.place,
      make(
        "div.nothing",
        {},
        make(
          "ol.way",
          { "aria-hidden": "true" },
          ["request", "event", "result", "response"].map((name) => make(`li.way-${name}`, {}, text(`station.${name}`))),
        ),
        make("h2", {}, text("chooseTitle")),
        make("p", {}, text("chooseHint")),
        renderKeys(),
      ),
    );
  }

  showGone() {
    this.sections = {};
    replace(
      this.place,
      make(
        "div.nothing",
        {},
        make("h2", {}, text("gone")),
        make("p", {}, text("goneHint", { limit: this.live.facts.limit })),
        make("button", { type: "button", onclick: this.navigation.back }, text("back")),
      ),
    );
  }
}

/** Make `elements` the children of `place`, without moving those that are there. */
function arrange(place, elements) {
  for (const child of [...place.children]) if (!elements.includes(child)) child.remove();
  let next = place.firstElementChild;
  for (const element of elements) {
    if (element === next) next = next.nextElementSibling;
    else place.insertBefore(element, next);
  }
}

/** Where a log is scrolled to, as a function that does the same to the next one: at its end it stays at its end. */
function readLogScroll(section) {
  const lines = section?.querySelector(".log-lines");
  if (!lines) return () => {};
  const top = lines.scrollTop;
  const isAtEnd = top > 0 && top + lines.clientHeight >= lines.scrollHeight - 4;
  return (next) => {
    const place = next.querySelector(".log-lines");
    place.scrollTop = isAtEnd ? place.scrollHeight : top;
  };
}
