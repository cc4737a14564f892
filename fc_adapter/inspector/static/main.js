/** The page: its parts, the address that names the chosen invocation, and the keys that work everywhere. */

import { attempt } from "./dialog.js";
import { Detail } from "./detail.js";
import { byId, replace } from "./dom.js";
import { text, translate } from "./i18n.js";
import { Instances } from "./instances.js";
import { listenForKeys, openKeys } from "./keys.js";
import { List } from "./list.js";
import { act, Live } from "./live.js";

translate(document);

const narrow = matchMedia("(max-width: 899px)");
const live = new Live();
const list = new List(live, choose);
const detail = new Detail(live, { back, open: (id) => choose(id, true) });
new Instances(live, () => byId("panes").classList.contains("shows-detail") && back());

/** Choose an invocation. One that is opened gets an entry in the browser's history, so that going back works. */
function choose(id, isOpened) {
  if (narrow.matches && !isOpened) {
    list.select(id);
    return;
  }
  const address = `#${encodeURIComponent(id)}`;
  if (location.hash !== address) history[isOpened ? "pushState" : "replaceState"](null, "", address);
  show();
  const isFromList = document.activeElement?.closest("#list");
  if (isOpened && (narrow.matches || isFromList)) byId("detail").focus({ preventScroll: true });
}

/** Leave the detail: for the list alone where there is no room for both. */
function back() {
  if (narrow.matches || !live.invocations.has(detail.id)) {
    history.pushState(null, "", location.pathname);
    show();
  }
  list.focus();
}

/** Show what the address names. */
function show() {
  const id = named(location.hash.slice(1));
  byId("panes").classList.toggle("shows-detail", id !== null);
  if (id !== null) list.select(id);
  detail.show(id);
}

/** What a part of an address says, which people may have cut off; null when it says nothing. */
function named(part) {
  try {
    return decodeURIComponent(part) || null;
  } catch {
    return part;
  }
}

addEventListener("popstate", show);
addEventListener("hashchange", show);

listenForKeys({
  "/": () => {
    byId("panes").classList.remove("shows-detail");
    byId("filter-text").focus();
    byId("filter-text").select();
  },
  Escape: back,
  j: () => list.step(1),
  k: () => list.step(-1),
  r: () => detail.press("again"),
  e: () => detail.press("edit"),
  p: () => detail.press("pin"),
  d: () => detail.press("compare"),
  n: () => live.facts.methods && detail.actions.composeNew(),
  "?": openKeys,
});

byId("compose-button").addEventListener("click", () => detail.actions.composeNew());
byId("clear-button").addEventListener("click", () => attempt(() => act("invocations", {}, "DELETE")));

live.listen((kinds) => {
  if (kinds.has("facts")) {
    replace(byId("facts"), text("facts", live.facts));
    document.title = `${live.facts.function} · ${text("inspector")}`;
  }
  if (kinds.has("connection")) {
    const connection = byId("connection");
    connection.textContent = text(live.connected ? "connected" : live.refused ? "refusedHere" : "disconnected");
    connection.classList.toggle("is-lost", !live.connected);
    for (const id of ["compose-button", "instances-button"]) byId(id).hidden = live.refused;
    detail.lock(live.refused);
  }
});

show();
live.start();
