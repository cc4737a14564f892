/** The form for a request: a new one, or one that was edited; with a text, a file, or a form with files as its body. */

import { closeDialog, dialogActions, openDialog, reasonOf, say } from "./dialog.js";
import { make } from "./dom.js";
import { size } from "./format.js";
import { text } from "./i18n.js";
import { act } from "./live.js";

const CHUNK = 32_768; // bytes that become characters at once

/**
 * Show the form.
 * @param {Object} request as the runner describes one to be edited
 * @param {{title: string, methods: string[], origin: string|null, open: (id: string) => void}} options
 */
export function openCompose(request, { title, methods, origin, open }) {
  const plain = { required: true, autocomplete: "off", spellcheck: "false" };
  const method = make("input", { ...plain, id: "compose-method", value: request.method, list: "compose-methods" });
  const target = make("input", { ...plain, id: "compose-target", value: request.target });
  const headers = make("textarea", {
    id: "compose-headers",
    rows: 8,
    spellcheck: "false",
    "aria-describedby": "compose-hint",
  });
  headers.value = request.headers.map(([name, value]) => `${name}: ${value}`).join("\n");
  const body = new Body(request.body);
  const problem = make("p.problem", { role: "alert" });
  const form = make(
    "form.compose",
    { method: "dialog" },
    make("h2", { id: "dialog-title" }, title),
    make("div.compose-line", {}, field(text("method"), method), field(text("path"), target)),
    make("datalist", { id: "compose-methods" }, methods.map((each) => make("option", { value: each }))),
    field(text("headers"), headers),
    make("p.hint", { id: "compose-hint" }, text("headersHint")),
    body.element,
    problem,
    dialogActions(text("cancel"), make("button.primary", { type: "submit" }, text("send"))),
  );
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    try {
      const [content, type] = await body.read();
      const pairs = parseHeaders(headers.value).filter(([name]) => !type || name.toLowerCase() !== "content-type");
      const { id } = await act("requests", {
        method: method.value.trim(),
        target: target.value.trim(),
        headers: type ? [...pairs, ["Content-Type", type]] : pairs,
        body: content,
        origin,
        reveal: request.reveal,
      });
      closeDialog();
      say(text("sending"));
      open(id);
    } catch (error) {
      problem.textContent = reasonOf(error);
    }
  });
  openDialog(form);
  (origin === null ? target : body.area).focus();
}

/** The part of the form that is about the body. */
class Body {
  constructor(described) {
    this.area = make("textarea", { id: "compose-body", rows: 8, spellcheck: "false" });
    this.area.value = described.base64 ?? described.text ?? "";
    this.file = make("input", { type: "file", id: "compose-file" });
    this.fields = make("textarea", { id: "compose-fields", rows: 4, spellcheck: "false" });
    this.fileName = make("input", { id: "compose-file-name", value: "file", autocomplete: "off" });
    this.files = make("input", { type: "file", id: "compose-files", multiple: true });
    const kinds = { text: text("bodyText"), base64: text("bodyBase64"), file: text("bodyFile"), form: text("bodyForm") };
    this.kind = make(
      "select",
      { id: "compose-kind" },
      "kept" in described && make("option", { value: "kept" }, text("bodyKept", { size: size(described.kept) })),
      Object.entries(kinds).map(([value, label]) => make("option", { value }, label)),
    );
    this.kind.value = "kept" in described ? "kept" : "base64" in described ? "base64" : "text";
    this.kind.addEventListener("change", () => this.show());
    this.parts = {
      area: field(text("body"), this.area),
      file: field(text("chooseFile"), this.file),
      form: make(
        "div.compose-form",
        {},
        field(text("formFields"), this.fields),
        field(text("formFileName"), this.fileName),
        field(text("formFiles"), this.files),
      ),
    };
    const parts = Object.values(this.parts);
    this.element = make("div.compose-body", {}, make("div", {}, parts), field(text("bodyAs"), this.kind));
    this.show();
  }

  show() {
    const kind = this.kind.value;
    this.parts.area.hidden = kind !== "text" && kind !== "base64";
    this.parts.file.hidden = kind !== "file";
    this.parts.form.hidden = kind !== "form";
  }

  /** The body for the runner, and the type that it must have, or `""`. */
  async read() {
    const kind = this.kind.value;
    if (kind === "kept") return [{ kept: true }, ""];
    if (kind === "base64") return [{ base64: this.area.value.replace(/\s+/g, "") }, ""];
    if (kind === "text") return [{ text: this.area.value }, ""];
    // A Response knows the type with its boundary, which a Blob would have in lower case.
    const content = new Response(kind === "file" ? (this.file.files?.[0] ?? "") : this.formData());
    const type = content.headers.get("Content-Type") ?? "";
    return [{ base64: toBase64(new Uint8Array(await content.arrayBuffer())) }, type];
  }

  formData() {
    const data = new FormData();
    for (const line of this.fields.value.split("\n")) {
      if (!line.trim()) continue;
      const [name, ...value] = line.split("=");
      data.append(name.trim(), value.join("="));
    }
    for (const file of this.files.files ?? []) data.append(this.fileName.value, file);
    return data;
  }
}

function toBase64(bytes) {
  let characters = "";
  for (let start = 0; start < bytes.length; start += CHUNK) {
    characters += String.fromCharCode(...bytes.subarray(start, start + CHUNK));
  }
  return btoa(characters);
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
