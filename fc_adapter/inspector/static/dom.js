/** Building the document. Everything that is shown goes in as text: there is no way here to put markup in. */

/**
 * What the elements of index.html are that have more than every element has.
 * @typedef {Object} Controls
 * @property {HTMLInputElement} filter-text
 * @property {HTMLSelectElement} filter-method
 * @property {HTMLSelectElement} filter-status
 * @property {HTMLSelectElement} order
 * @property {HTMLAnchorElement} export-all
 * @property {HTMLButtonElement} pause-button
 * @property {HTMLButtonElement} clear-button
 * @property {HTMLDialogElement} dialog
 */

/**
 * The element of a tag such as `"p"` or `"p.note.wide"`.
 * @template {string} Tag
 * @typedef {Tag extends `${infer Name}.${string}` ? ElementOf<Name>
 *   : Tag extends keyof HTMLElementTagNameMap ? HTMLElementTagNameMap[Tag] : HTMLElement} ElementOf
 */

/**
 * Make an element.
 * @template {string} Tag
 * @param {Tag} tag its name, with its classes: `"p.note.wide"`
 * @param {Object<string, any>} [properties] listeners (`onclick`) and attributes, which booleans set or leave out
 * @param {...(Node|string|number|null|undefined|false|any[])} children text and elements; empty ones are left out
 * @returns {ElementOf<Tag>}
 */
export function make(tag, properties, ...children) {
  const [name, ...classes] = tag.split(".");
  const element = document.createElement(name);
  if (classes.length) element.className = classes.join(" ");
  for (const [key, value] of Object.entries(properties ?? {})) {
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (value === true) element.setAttribute(key, "");
    else if (value !== false && value !== null && value !== undefined) element.setAttribute(key, String(value));
  }
  append(element, children);
  return /** @type {ElementOf<Tag>} */ (element);
}

/** Append text and elements, however deep they lie in arrays. */
export function append(element, children) {
  for (const child of children) {
    if (Array.isArray(child)) append(element, child);
    else if (child instanceof Node) element.append(child);
    else if (child !== null && child !== undefined && child !== false && child !== "") element.append(String(child));
  }
}

/**
 * The element with this id, which is in index.html.
 * @template {string} Id
 * @param {Id} id
 * @returns {Id extends keyof Controls ? Controls[Id] : HTMLElement}
 */
export function byId(id) {
  return /** @type {any} */ (document.getElementById(id));
}

/** Put other children into an element. */
export function replace(element, ...children) {
  element.replaceChildren();
  append(element, children);
}

/** The `data-focus` of the element that has the focus, by which it is found again once it is made anew. */
export function focusedPart() {
  const element = document.activeElement;
  return element instanceof HTMLElement ? element.dataset.focus : undefined;
}

/**
 * Put the focus on the element of `place` with this `data-focus`, if there is one.
 * @param {HTMLElement} place
 * @param {string} name
 */
export function focusPart(place, name) {
  const element = /** @type {HTMLElement|null} */ (place.querySelector(`[data-focus="${CSS.escape(name)}"]`));
  element?.focus();
}
