/** One invocation: its head with the actions, then all that is known of it. */

import { Actions } from "./actions.js";
import { byId, make, replace } from "./dom.js";
import { duration, fullTime, timeOfDay } from "./format.js";
import { text } from "./i18n.js";
import { status } from "./list.js";
import { ask, Refusal } from "./live.js";
import { renderError, renderLog } from "./log.js";
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
    this.request = null;
    live.listen((kinds) => {
      if (kinds.has("invocations")) this.update();
      if (kinds.has("instances") && this.isFrozen()) this.load();
    });
  }

  /** Show the invocation with this id, or what there is to do when it is null. */
  show(id) {
    if (id === this.id) return;
    this.id = id;
    this.version = null;
    this.data = null;
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

  /** Whether the invocation stands still now, which ends when its instance goes on. */
  isFrozen() {
    return this.data?.timeline?.some((span) => span.name === "freeze" && span.to === null);
  }

  async load() {
    this.request?.abort();
    const request = (this.request = new AbortController());
    const id = this.id;
    try {
      const answer = await ask(`invocations/${encodeURIComponent(id)}${this.reveal ? "?reveal=1" : ""}`, { signal: request.signal });
      const data = await answer.json();
      if (request !== this.request) return;
      this.version = data.version;
      this.data = data;
      this.render();
    } catch (error) {
      if (error.name === "AbortError" || request !== this.request) return;
      if (this.data === null && error instanceof Refusal && this.live.complete) this.showGone();
      else if (!(error instanceof Refusal) && !(error instanceof TypeError)) throw error;
    } finally {
      if (request === this.request) this.request = null;
    }
  }

  render() {
    const scroll = this.place.scrollTop;
    const focus = document.activeElement?.dataset?.focus;
    const detail = this.data;
    replace(
      this.place,
      this.head(detail),
      renderError(detail),
      detail.timeline?.length > 0 && renderTimeline(detail),
      renderStations(detail),
      renderLog(detail),
    );
    this.place.scrollTop = scroll;
    if (focus) this.place.querySelector(`[data-focus="${focus}"]`)?.focus();
  }

  head(detail) {
    const target = detail.request.path + (detail.target.includes("?") ? detail.target.slice(detail.target.indexOf("?")) : "");
    return make(
      "header.detail-head",
      {},
      make("button.back", { type: "button", onclick: this.navigation.back, "data-focus": "back" }, "←", make("span.hidden", {}, text("back"))),
      make(
        "div.detail-title",
        {},
        make("h2", { id: "detail-title", tabindex: -1 }, make("span.row-method", {}, detail.method), " ", make("span.target", {}, target), " ", status(detail.status)),
        make("p.detail-facts", {}, this.facts(detail)),
      ),
      make("div.actions", { role: "toolbar", "aria-label": text("invocation") }, this.actions.buttons(detail), this.revealButton(detail)),
    );
  }

  facts(detail) {
    const origin = this.live.invocations.get(detail.origin);
    return [
      make("span", { title: fullTime(detail.at) }, timeOfDay(detail.at)),
      make("span", {}, detail.status === null ? text("running") : duration(detail.ms)),
      detail.cold !== null && detail.cold !== undefined && make("span.tag.cold", {}, text("coldFor", { time: duration(detail.cold) })),
      detail.init && make("span.tag.cold", {}, text("initFor", { time: duration(detail.init) })),
      detail.failure === "function" && make("span.tag.bad", {}, text("functionError")),
      detail.failure === "refused" && make("span.tag.warn", {}, text("refused")),
      detail.async && make("span.tag.plain", {}, text("async")),
      detail.origin &&
        (origin
          ? make("a.tag.plain", { href: `#${origin.id}` }, `${text("replayed")} ← ${timeOfDay(origin.at)}`)
          : make("span.tag.plain", {}, text("replayed"))),
      detail.origin === "" && make("span.tag.plain", {}, text("composed")),
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

  showNothing() {
    const key = (name, label) => make("li", {}, make("kbd", {}, name), " ", label);
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
        make("ul.keys", {}, key("↑ ↓", text("keyMove")), key("Enter", text("keyOpen")), key("/", text("keyFilter")), key("Esc", text("keyBack"))),
      ),
    );
  }

  showGone() {
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
