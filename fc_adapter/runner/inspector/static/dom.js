/** Building the document. Everything that is shown goes in as text: there is no way here to put markup in. */

/**
 * Make an element.
 * @param {string} tag its name, with its classes: `"p.note.wide"`
 * @param {Object<string, any>} [properties] listeners (`onclick`) and attributes, which booleans set or leave out
 * @param {...(Node|string|number|null|undefined|false|Array)} children text and elements; empty ones are left out
 * @returns {HTMLElement}
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
  return element;
}

/** Append text and elements, however deep they lie in arrays. */
export function append(element, children) {
  for (const child of children) {
    if (Array.isArray(child)) append(element, child);
    else if (child instanceof Node) element.append(child);
    else if (child !== null && child !== undefined && child !== false && child !== "") element.append(String(child));
  }
}

/** The element with this id, which is in index.html. */
export function byId(id) {
  return document.getElementById(id);
}

/** Put other children into an element. */
export function replace(element, ...children) {
  element.replaceChildren();
  append(element, children);
}
