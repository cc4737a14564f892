/** The panel of the instances: how each fares, and a button that ends it. */

import { attempt } from "./dialog.js";
import { byId, focusedPart, focusPart, make, replace } from "./dom.js";
import { duration, number } from "./format.js";
import { because, text, textOr } from "./i18n.js";
import { act } from "./live.js";

const MEGABYTE = 1024 * 1024;
const TICK = 5000; // milliseconds between two looks at the ages

export class Instances {
  /**
   * @param {import("./live.js").Live} live
   * @param {() => void} makeRoom called before the panel is opened
   */
  constructor(live, makeRoom) {
    this.live = live;
    this.place = byId("instances");
    this.button = byId("instances-button");
    this.showsEnded = false;
    this.button.addEventListener("click", () => {
      const isHidden = !this.place.checkVisibility();
      if (isHidden) makeRoom();
      this.toggle(isHidden);
    });
    live.listen((kinds) => {
      if (kinds.has("instances") || kinds.has("facts")) this.render();
    });
    setInterval(() => this.render(), TICK);
    this.toggle(false);
  }

  /** Show or hide the panel, where there is not always room for it. */
  toggle(isOpen) {
    this.button.setAttribute("aria-expanded", String(isOpen));
    this.place.classList.toggle("is-open", isOpen);
  }

  render() {
    const living = this.live.instances.filter((each) => each.state !== "ended");
    const ended = this.live.instances.filter((each) => each.state === "ended");
    replace(this.button, text("instances"), " ", make("span.badge", {}, living.length));
    const focus = focusedPart();
    const items = living.map((each) => this.renderLiving(each));
    replace(
      this.place,
      make("h2", {}, text("instances")),
      items.length ? make("ul.instance-list", {}, items) : make("p.none", {}, text("noInstances")),
      ended.length > 0 && this.renderEnded(ended),
    );
    if (focus) focusPart(this.place, focus);
  }

  renderLiving(each) {
    const isLeaving = each.state === "stopping" || (each.state === "running" && each.reason !== "");
    const canKill = isLeaving && each.id !== "in-process";
    return make(
      "li.instance",
      {},
      make(`span.state.is-${each.state}`, {}, text(`state.${each.state}`)),
      make("span.mono", {}, each.id),
      make(
        "button.quiet.danger",
        {
          type: "button",
          "data-focus": `end-${each.id}`,
          disabled: isLeaving && !canKill,
          "aria-label": text(isLeaving ? "endNowTitle" : "endTitle", { id: each.id }),
          title: text(isLeaving ? "endNowTitle" : "endTitle", { id: each.id }),
          onclick: () => attempt(() => act(`instances/${encodeURIComponent(each.id)}/end`, { now: isLeaving })),
        },
        text(isLeaving ? "endNow" : "end"),
      ),
      make(
        "p.instance-facts",
        {},
        make("span", {}, text("requests", { count: each.requests })),
        make("span", {}, text("age", { time: duration(Date.now() - each.began * 1000) })),
        isLeaving && each.state === "running" && make("span", {}, text("endsSoon")),
      ),
      each.held > 0 && this.renderMemory(each),
    );
  }

  renderMemory(each) {
    const limit = this.live.facts.memory;
    const held = Math.round(each.held / MEGABYTE);
    const label = text("memoryOf", { held: number(held), limit: number(limit) });
    const meter = { min: 0, max: limit, high: limit * 0.8, value: held, "aria-label": label };
    return make("p.memory", {}, make("meter", meter), make("span", {}, label));
  }

  renderEnded(ended) {
    const rows = ended.map((each) =>
      make(
        "li.instance.is-over",
        {},
        make("span.state.is-ended", {}, text("state.ended")),
        make("span.mono", {}, each.id),
        make(
          "p.instance-facts",
          {},
          make("span", {}, text("requests", { count: each.requests })),
          each.ended !== null && make("span", {}, text("lived", { time: duration((each.ended - each.began) * 1000) })),
          each.reason && make("span", {}, because(each.because, textOr(`reason.${each.reason}`, each.reason))),
        ),
      ),
    );
    const details = make(
      "details.ended",
      { open: this.showsEnded },
      make("summary", {}, text("endedOnes", { count: ended.length })),
      make("ul.instance-list", {}, rows),
    );
    details.addEventListener("toggle", () => (this.showsEnded = details.open));
    return details;
  }
}
