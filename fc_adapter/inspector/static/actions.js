/** What can be done with an invocation: send it again, change it, take it along. */

import { byId, make, replace } from "./dom.js";
import { size } from "./format.js";
import { text, textOr } from "./i18n.js";
import { act, ask, Refusal } from "./live.js";

const SHOWN = 2500; // milliseconds of a short message
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
      button(detail.pinned ? "unpin" : "pin", "", () => attempt(() => act(`${path}/pin`, { pinned: !detail.pinned }))),
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
    const plain = { required: true, autocomplete: "off", spellcheck: "false" };
    const methods = this.live.facts.methods.map((each) => make("option", { value: each }));
    const method = make("input", { ...plain, id: "compose-method", value: request.method, list: "compose-methods" });
    const target = make("input", { ...plain, id: "compose-target", value: request.target });
    const area = { rows: 8, spellcheck: "false" };
    const headers = make("textarea", { ...area, id: "compose-headers", "aria-describedby": "compose-hint" });
    headers.value = request.headers.map(([name, value]) => `${name}: ${value}`).join("\n");
    const body = make("textarea", { ...area, id: "compose-body" });
    const isBase64 = "base64" in request.body;
    const isKept = "kept" in request.body;
    body.value = request.body.base64 ?? request.body.text ?? "";
    const kind = make(
      "select",
      { id: "compose-kind" },
      make("option", { value: "text" }, text("bodyText")),
      make("option", { value: "base64", selected: isBase64 }, text("bodyBase64")),
      isKept && make("option", { value: "kept", selected: true }, text("bodyKept", { size: size(request.body.kept) })),
    );
    const showKind = () => (body.disabled = kind.value === "kept");
    kind.addEventListener("change", showKind);
    showKind();
    const problem = make("p.problem", { role: "alert" });
    const form = make(
      "form.compose",
      { method: "dialog" },
      make("h2", { id: "dialog-title" }, title),
      make("div.compose-line", {}, field(text("method"), method), field(text("path"), target)),
      make("datalist", { id: "compose-methods" }, methods),
      field(text("headers"), headers),
      make("p.hint", { id: "compose-hint" }, text("headersHint")),
      make("div.compose-body", {}, field(text("body"), body), field(text("bodyAs"), kind)),
      problem,
      make(
        "div.dialog-actions",
        {},
        make("button", { type: "button", onclick: closeDialog }, text("cancel")),
        make("button.primary", { type: "submit" }, text("send")),
      ),
    );
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      const fields = {
        method: method.value.trim(),
        target: target.value.trim(),
        headers: parseHeaders(headers.value),
        body: readBody(kind.value, body.value),
        origin,
        reveal: request.reveal,
      };
      try {
        const { id } = await act("requests", fields);
        closeDialog();
        say(text("sending"));
        this.open(id);
      } catch (error) {
        problem.textContent = reasonOf(error);
      }
    });
    openDialog(form);
    (origin === null ? target : body).focus();
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

function readBody(kind, value) {
  if (kind === "kept") return { kept: true };
  return kind === "base64" ? { base64: value.replace(/\s+/g, "") } : { text: value };
}

function field(label, control) {
  return make("div.field", {}, make("label", { for: control.id }, label), control);
}

/** Lines of `Name: value` as pairs. */
export function parseHeaders(source) {
  const pairs = [];
  for (const line of source.split("\n")) {
    if (!line.trim()) continue;
    const colon = line.indexOf(":");
    pairs.push(colon < 0 ? [line.trim(), ""] : [line.slice(0, colon).trim(), line.slice(colon + 1).trim()]);
  }
  return pairs;
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
        make("div.dialog-actions", {}, make("button", { type: "button", onclick: closeDialog }, text("close"))),
      ),
    );
    area.focus();
    area.select();
  }
}

function openDialog(content) {
  const dialog = byId("dialog");
  replace(dialog, content);
  dialog.showModal();
}

function closeDialog() {
  byId("dialog").close();
}

/** Do something, and say so when it is refused or the runner is gone. */
export async function attempt(action) {
  try {
    await action();
  } catch (error) {
    if (!(error instanceof Refusal) && !(error instanceof TypeError)) throw error;
    say(text("failedAction", { reason: reasonOf(error) }));
  }
}

function reasonOf(error) {
  return textOr(`why.${error.message}`, error.message);
}

/** @type {number|undefined} */
let timer;

/** Show a short message for a while. */
export function say(message) {
  const toast = byId("toast");
  toast.textContent = message;
  toast.hidden = false;
  clearTimeout(timer);
  timer = setTimeout(() => (toast.hidden = true), SHOWN);
}
