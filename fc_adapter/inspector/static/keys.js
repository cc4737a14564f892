/** The keys that work everywhere, and the dialog that tells them. */

import { dialogActions, openDialog } from "./dialog.js";
import { make } from "./dom.js";
import { text } from "./i18n.js";

/** What each key does, as the name of a text. */
export const KEYS = {
  "↑ ↓ j k": "keyMove",
  Enter: "keyOpen",
  "/": "keyFilter",
  Esc: "keyBack",
  r: "keyAgain",
  e: "keyEdit",
  p: "keyPin",
  d: "keyCompare",
  n: "keyNew",
  "?": "keyHelp",
};

export function renderKeys() {
  const items = Object.entries(KEYS).map(([key, label]) => make("li", {}, make("kbd", {}, key), " ", text(label)));
  return make("ul.keys", {}, items);
}

export function openKeys() {
  openDialog(
    make("div.compose", {}, make("h2", { id: "dialog-title" }, text("keysTitle")), renderKeys(), dialogActions(text("close"))),
  );
}

/**
 * Call what belongs to a key, unless somebody types or holds another key with it.
 * @param {Object<string, () => void>} actions by key
 */
export function listenForKeys(actions) {
  addEventListener("keydown", (event) => {
    const isTyping = /** @type {Element} */ (event.target).closest("input, textarea, select, dialog");
    if (isTyping || event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    if (!(event.key in actions)) return;
    event.preventDefault();
    actions[event.key]();
  });
}
