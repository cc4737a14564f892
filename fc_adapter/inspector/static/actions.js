/** What can be done with an invocation: send it again, change it, take it along. */

import { openCompare } from "./compare.js";
import { openCompose } from "./compose.js";
import { attempt, dialogActions, openDialog, say } from "./dialog.js";
import { make } from "./dom.js";
import { text } from "./i18n.js";
import { act, ask } from "./live.js";

const MASK = "•••"; // what the runner puts in the place of a secret

export class Actions {
  /**
   * @param {import("./live.js").Live} live
   * @param {(id: string) => void} open shows an invocation
   */
  constructor(live, open) {
    this.live = live;
    this.open = open;
  }

  /** The buttons for one invocation. Those that cannot work say why. */
  buttons(detail) {
    const path = `invocations/${encodeURIComponent(detail.id)}`;
    const reveal = detail.reveal ? "?reveal=1" : "";
    const { repeat, whole, event, test } = findObstacles(detail);
    return [
      button("sendAgain", repeat, () => this.send(`${path}/again`)),
      button("editAndSend", repeat, () => this.edit(path, detail)),
      button(detail.pinned ? "unpin" : "pin", "", () => this.pin(path, detail)),
      button("compare", "", () => openCompare(this.live, detail)),
      button("copyCurl", whole, () => copyFrom(`${path}/curl${reveal}`)),
      button("copyTest", test, () => copyFrom(`${path}/test${reveal}`)),
      button("copyEvent", event, () => copyFrom(`${path}/event${reveal}`)),
      event
        ? button("saveEvent", event)
        : make(
            "a.button",
            {
              href: `api/${path}/event${reveal || "?"}&save=1`,
              download: `event-${detail.id}.json`,
              "data-focus": "saveEvent",
            },
            text("saveEvent"),
          ),
      make(
        "a.button",
        {
          href: `api/${path}/har${reveal}`,
          download: `invocation-${detail.id}.har`,
          "data-focus": "saveHar",
          hidden: detail.status === null,
        },
        text("saveHar"),
      ),
      button("copyLink", "", () => copyText(`${location.origin}/#${encodeURIComponent(detail.id)}`)),
    ];
  }

  /** Send a request and show what becomes of it. */
  async send(path, fields = {}) {
    await attempt(async () => {
      const { id } = await act(path, fields);
      say(text("sending"));
      this.open(id);
    });
  }

  /** Edit a request and send it. */
  edit(path, detail) {
    return attempt(async () => {
      const request = await (await ask(`${path}/request${detail.reveal ? "?reveal=1" : ""}`)).json();
      this.compose(text("editTitle"), request, detail.id);
    });
  }

  /** Write a request and send it. */
  composeNew() {
    const empty = { method: "GET", target: "/", headers: [["Accept", "*/*"]], body: { text: "" }, reveal: false };
    this.compose(text("composeTitle"), empty, null);
  }

  compose(title, request, origin) {
    openCompose(request, { title, methods: this.live.facts.methods, origin, open: this.open });
  }

  /** Do what a key stands for, if it can be done to this invocation. */
  press(name, detail) {
    const path = `invocations/${encodeURIComponent(detail.id)}`;
    const obstacle = findObstacles(detail).repeat;
    // What the list shows: the detail is loaded anew after each change, and may not be there yet.
    if (name === "pin") return this.pin(path, this.live.invocations.get(detail.id) ?? detail);
    if (name === "compare") return openCompare(this.live, detail);
    if (obstacle) return say(text(`why.${obstacle}`));
    return name === "edit" ? this.edit(path, detail) : this.send(`${path}/again`);
  }

  pin(path, { pinned }) {
    return attempt(() => act(`${path}/pin`, { pinned: !pinned }));
  }
}

/** Why the request cannot be sent, the event not be had, and no test be made: `""` where they can. */
function findObstacles(detail) {
  const isRunning = detail.status === null;
  const whole = detail.whole ? (detail.kept.request ? "" : "cut") : "malformed";
  const repeat = detail.sendable ? "" : whole;
  const aborted = detail.failure === "aborted" ? "aborted" : "";
  if (detail.event) return { repeat, whole, event: detail.kept.event ? "" : "cut", test: whole || aborted };
  if (isRunning) return { repeat, whole, event: "running", test: "running" };
  return { repeat, whole, event: "no-event", test: whole || (detail.status === 400 ? "" : "refused") };
}

function button(name, obstacle, onclick) {
  const properties = { type: "button", "data-focus": name };
  if (obstacle) return make("button", { ...properties, disabled: true, title: text(`why.${obstacle}`) }, text(name));
  return make(`button${name === "sendAgain" ? ".primary" : ""}`, { ...properties, onclick }, text(name));
}

/** Copy what a path gives: by the browser if it lets us, otherwise by the person. */
export function copyFrom(path) {
  return attempt(async () => copyText(await (await ask(path)).text()));
}

/** Copy a text. */
export async function copyText(source) {
  try {
    await navigator.clipboard.writeText(source);
    say(text(source.includes(MASK) ? "copiedMasked" : "copied"));
  } catch {
    const area = make("textarea.copy", { readonly: true, rows: 14, "aria-labelledby": "dialog-title" });
    area.value = source;
    const keys = /Mac|iP/.test(navigator.platform) ? "⌘C" : "Ctrl+C";
    openDialog(
      make(
        "div.compose",
        {},
        make("h2", { id: "dialog-title" }, text("copy")),
        make("p.hint", {}, text("copyYourself", { keys })),
        area,
        dialogActions(text("close")),
      ),
    );
    area.focus();
    area.select();
  }
}
