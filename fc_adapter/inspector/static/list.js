/** The list of invocations: newest first, filtered, one of them chosen. */

import { byId, make, replace } from "./dom.js";
import { duration, fullTime, timeOfDay } from "./format.js";
import { text } from "./i18n.js";
import { ask, Refusal } from "./live.js";

const STATUSES = {
  "": () => true,
  "2xx": (each) => Math.floor(each.status / 100) === 2,
  "3xx": (each) => Math.floor(each.status / 100) === 3,
  "4xx": (each) => Math.floor(each.status / 100) === 4,
  "5xx": (each) => Math.floor(each.status / 100) === 5,
  failed: (each) => Boolean(each.failure),
  running: (each) => each.status === null,
};
const PAGE = 10;
const TYPING = 200; // milliseconds without a key after which the runner is asked where the words are
const ANNOUNCE = 4000; // milliseconds between two announcements

export class List {
  /**
   * @param {import("./live.js").Live} live
   * @param {(id: string|null, isOpened: boolean) => void} choose
   */
  constructor(live, choose) {
    this.live = live;
    this.choose = choose;
    this.chosen = null;
    this.rows = new Map();
    this.shown = [];
    this.isPaused = false;
    this.known = new Set();
    this.unannounced = { count: 0, failed: 0 };
    this.list = byId("list");
    this.textInput = byId("filter-text");
    this.methodSelect = byId("filter-method");
    this.statusSelect = byId("filter-status");
    this.order = byId("order");
    this.found = {}; // by id: where the words are, as far as the runner has told
    this.fillSelects([]);
    byId("filters").addEventListener("submit", (event) => event.preventDefault());
    byId("filters").addEventListener("input", () => {
      this.searchSoon();
      this.render();
    });
    this.textInput.addEventListener("keydown", (event) => this.onFilterKey(event));
    this.list.addEventListener("keydown", (event) => this.onKey(event));
    this.list.addEventListener("click", (event) => this.onClick(event));
    byId("pause-button").addEventListener("click", () => this.pause(!this.isPaused));
    live.listen((kinds) => {
      if (kinds.has("facts")) this.fillSelects(live.facts.methods);
      if (kinds.has("invocations")) {
        this.update();
        if (this.textInput.value.trim()) this.searchSoon();
      }
    });
  }

  /** Ask the runner where the words are, once there are no further keys: it knows headers, bodies and logs. */
  searchSoon() {
    clearTimeout(this.searching);
    const words = this.textInput.value.trim();
    if (!words) this.found = {};
    else this.searching = setTimeout(() => this.search(words), TYPING);
  }

  async search(words) {
    try {
      const answer = await ask(`search?q=${encodeURIComponent(words)}`);
      const found = await answer.json();
      if (words !== this.textInput.value.trim()) return;
      this.found = found;
      this.render();
    } catch (error) {
      if (!(error instanceof Refusal) && !(error instanceof TypeError)) throw error;
    }
  }

  fillSelects(methods) {
    const options = (labels) => labels.map(([value, label]) => make("option", { value }, label));
    const chosen = this.methodSelect.value;
    replace(this.methodSelect, options([["", text("anyMethod")], ...methods.map((each) => [each, each])]));
    this.methodSelect.value = methods.includes(chosen) ? chosen : "";
    if (this.statusSelect.options.length) return;
    const statuses = ["2xx", "3xx", "4xx", "5xx"].map((each) => [each, each]);
    replace(
      this.statusSelect,
      options([["", text("anyStatus")], ...statuses, ["failed", text("failed")], ["running", text("running")]]),
    );
    replace(this.order, options([["", text("newestFirst")], ["slowest", text("slowestFirst")]]));
  }

  pause(isPaused) {
    this.isPaused = isPaused;
    const button = byId("pause-button");
    button.setAttribute("aria-pressed", String(isPaused));
    button.textContent = text(isPaused ? "resume" : "pause");
    this.render();
  }

  update() {
    const isFirst = this.known.size === 0;
    for (const each of this.live.invocations.values()) {
      if (this.known.has(each.id)) continue;
      this.known.add(each.id);
      if (!isFirst) this.unannounced.count += 1;
      if (!isFirst && each.failure) this.unannounced.failed += 1;
    }
    for (const id of this.known) if (!this.live.invocations.has(id)) this.known.delete(id);
    if (this.unannounced.count && !this.announcing) {
      this.announcing = setTimeout(() => this.announce(), ANNOUNCE);
    }
    this.render();
  }

  announce() {
    const { count, failed } = this.unannounced;
    const parts = [text("announce", { count })];
    if (failed) parts.push(text("announceFailed", { failed }));
    byId("announce").textContent = parts.join(", ");
    this.unannounced = { count: 0, failed: 0 };
    this.announcing = null;
  }

  /** Show what matches the filter. Rows are made once and moved, so that thousands of updates cost little. */
  render() {
    const isBySlowness = this.order.value === "slowest";
    const all = [...this.live.invocations.values()].sort(
      (a, b) => (isBySlowness ? (b.ms ?? Infinity) - (a.ms ?? Infinity) : 0) || b.number - a.number,
    );
    if (this.isPaused) {
      const fresh = all.filter((each) => !this.rows.has(each.id)).length;
      this.showCount(all, fresh);
      return;
    }
    const matches = this.matcher();
    this.shown = all.filter(matches);
    const isShown = new Set(this.shown.map((each) => each.id));
    for (const [id, row] of this.rows) {
      if (!isShown.has(id)) {
        row.element.remove();
        this.rows.delete(id);
      }
    }
    let next = this.list.firstElementChild;
    for (const each of this.shown) {
      const row = this.row(each);
      if (row === next) next = row.nextElementSibling;
      else this.list.insertBefore(row, next);
    }
    this.mark();
    this.showCount(all, 0);
    this.showEmpty(all);
  }

  matcher() {
    const words = this.textInput.value.toLowerCase().split(/\s+/).filter(Boolean);
    const method = this.methodSelect.value;
    const hasStatus = STATUSES[this.statusSelect.value];
    return (each) => {
      if (method && each.method !== method) return false;
      if (!hasStatus(each)) return false;
      if (!words.length) return true;
      const searched = `${each.method} ${each.target} ${each.decoded ?? ""} ${each.status} ${each.instance} ${each.id}`.toLowerCase();
      return each.id in this.found || words.every((word) => searched.includes(word));
    };
  }

  row(each) {
    const known = this.rows.get(each.id);
    const places = this.found[each.id] ?? [];
    const version = [each.version, ...places].join(" ");
    if (known?.version === version) return known.element;
    const element = known?.element ?? make("li.row", { id: `row-${each.id}`, role: "option" });
    element.dataset.id = each.id;
    element.classList.toggle("failed", Boolean(each.failure));
    element.classList.toggle("is-running", each.status === null);
    replace(element, ...describeRow(each, places));
    this.rows.set(each.id, { element, version });
    return element;
  }

  mark() {
    for (const [id, row] of this.rows) row.element.setAttribute("aria-selected", String(id === this.chosen));
    if (this.rows.has(this.chosen)) this.list.setAttribute("aria-activedescendant", `row-${this.chosen}`);
    else this.list.removeAttribute("aria-activedescendant");
  }

  showCount(all, fresh) {
    const isFiltered = this.shown.length !== all.length && !this.isPaused;
    const parts = [
      isFiltered
        ? text("countOf", { shown: this.shown.length, count: all.length })
        : text("count", { count: this.isPaused ? all.length - fresh : all.length }),
    ];
    if (fresh) parts.push(text("newWhilePaused", { count: fresh }));
    byId("count").textContent = parts.join(" · ");
    byId("clear-button").disabled = all.length === 0;
  }

  showEmpty(all) {
    const place = byId("list-empty");
    place.hidden = this.shown.length > 0 || !this.live.complete;
    this.list.hidden = this.shown.length === 0;
    if (place.hidden) return;
    if (all.length) {
      const reset = make("button", { type: "button", onclick: () => this.resetFilter() }, text("resetFilter"));
      replace(place, make("p", {}, text("noneMatch")), reset);
    } else {
      replace(
        place,
        make("p.strong", {}, text("noneYet")),
        make("p", {}, text("noneYetHint")),
        make("code.command", {}, `curl ${this.live.facts.url}/`),
      );
    }
  }

  resetFilter() {
    this.textInput.value = this.methodSelect.value = this.statusSelect.value = "";
    this.found = {};
    this.render();
    this.focus();
  }

  /** Note which one is chosen. */
  select(id) {
    this.chosen = id;
    this.mark();
    this.rows.get(id)?.element.scrollIntoView({ block: "nearest" });
  }

  focus() {
    (this.list.hidden ? this.textInput : this.list).focus();
  }

  onFilterKey(event) {
    if (event.key === "Escape" && this.textInput.value) {
      event.preventDefault();
      this.textInput.value = "";
      this.found = {};
      this.render();
    } else if (event.key === "Escape" || event.key === "ArrowDown" || event.key === "Enter") {
      event.preventDefault();
      this.focus();
      if (this.chosen === null || !this.rows.has(this.chosen)) this.move(0, true);
    }
  }

  onKey(event) {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    const index = this.shown.findIndex((each) => each.id === this.chosen);
    const steps = {
      ArrowDown: index + 1,
      ArrowUp: Math.max(index - 1, 0),
      PageDown: index + PAGE,
      PageUp: Math.max(index - PAGE, 0),
      Home: 0,
      End: this.shown.length - 1,
    };
    if (event.key in steps) {
      event.preventDefault();
      this.move(steps[event.key], false);
    } else if (event.key === "Enter" || event.key === " ") {
      event.preventDefault();
      if (index < 0) this.move(0, true);
      else this.choose(this.chosen, true);
    }
  }

  /** Choose the next one, or the one before. */
  step(direction) {
    const index = this.shown.findIndex((each) => each.id === this.chosen);
    this.move(Math.max(index + direction, 0), false);
  }

  /** Choose the one at `index`, or the last. */
  move(index, isOpened) {
    const each = this.shown[Math.min(index, this.shown.length - 1)];
    if (each) this.choose(each.id, isOpened);
  }

  onClick(event) {
    const row = event.target.closest(".row");
    if (row) this.choose(row.dataset.id, true);
  }
}

/** What is special about an invocation, in a word or two each. */
export function renderTags(each) {
  const tags = [];
  if (each.pinned) tags.push(["plain", text("pinned")]);
  if (typeof each.cold === "number") tags.push(["cold", text("coldFor", { time: duration(each.cold) })]);
  if (typeof each.init === "number") tags.push(["cold", text("initFor", { time: duration(each.init) })]);
  if (each.failure === "function") tags.push(["bad", text("functionError")]);
  if (each.failure === "refused") tags.push(["warn", text("refused")]);
  if (each.failure === "aborted") tags.push(["warn", text("aborted")]);
  if (each.async) tags.push(["plain", text("async")]);
  if (each.origin) tags.push(["plain", text("replayed")]);
  if (each.origin === "") tags.push(["plain", text("composed")]);
  return tags.map(([kind, label]) => make(`span.tag.${kind}`, {}, label));
}

function describeRow(each, places) {
  return [
    make(
      "span.row-main",
      {},
      make("span.row-method", {}, each.method),
      make("span.row-target", { title: each.target }, each.decoded ?? each.target),
      status(each.status),
      make("span.row-ms", {}, each.status === null ? text("running") : duration(each.ms)),
    ),
    make(
      "span.row-sub",
      {},
      make("span.row-time", { title: fullTime(each.at) }, timeOfDay(each.at)),
      renderTags(each),
      places.filter((place) => place !== "target").map((place) => make("span.tag.found", {}, text(`found.${place}`))),
      each.instance && make("span.row-instance", {}, each.instance),
      make("span.row-id", { title: each.id }, each.id),
    ),
  ];
}

/** The status of a response, coloured by its class; a mark of its own while there is none. */
export function status(value) {
  if (value === null) return make("span.status.s0", { title: text("running") }, "···");
  return make(`span.status.s${Math.floor(value / 100)}`, {}, value);
}
