/** The one dialog of the page, and the short messages at its foot. */

import { byId, make, replace } from "./dom.js";
import { text, textOr } from "./i18n.js";
import { Refusal } from "./live.js";

const SHOWN = 2500; // milliseconds of a short message

/** Show `content` over the page. It has an element with the id `dialog-title`. */
export function openDialog(content) {
  const dialog = byId("dialog");
  replace(dialog, content);
  if (!dialog.open) dialog.showModal();
}

export function closeDialog() {
  byId("dialog").close();
}

/** The row of buttons at the end of a dialog, with one that closes it. */
export function dialogActions(label, ...buttons) {
  return make("div.dialog-actions", {}, make("button", { type: "button", onclick: closeDialog }, label), buttons);
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

/** Why something was refused, in the page's language where it has a sentence for it. */
export function reasonOf(error) {
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
