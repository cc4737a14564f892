/** The page's texts, in the browser's language: Chinese or English. */

import { english } from "./text-en.js";
import { chinese } from "./text-zh.js";

const wanted = navigator.languages.find((each) => /^(zh|en)\b/i.test(each)) ?? "en";

/** @type {"en" | "zh"} */
export const language = wanted.toLowerCase().startsWith("zh") ? "zh" : "en";

const table = language === "zh" ? chinese : english;
const plural = new Intl.PluralRules(language);

/**
 * A text with `{name}` replaced by values. One with a `count` may have a form of its own for one: `changes.one`.
 * @param {string} key
 * @param {Object<string, any>} [values]
 */
export function text(key, values = {}) {
  const form = `${key}.${plural.select(Number(values.count ?? 2))}`;
  const template = table[form] ?? table[key] ?? english[form] ?? english[key] ?? key;
  return template.replace(/\{(\w+)\}/g, (whole, name) => (name in values ? String(values[name]) : whole));
}

/** The text, or `other` where there is none of this key. */
export function textOr(key, other) {
  return key in table ? text(key) : other;
}

/** A reason of the runner in the page's language, or `other` where it is in nobody's list. */
export function because(reason, other) {
  const key = `because.${reason?.key}`;
  return key in table ? text(key, reason.values) : other;
}

/** Fill in the texts of index.html. */
export function translate(root) {
  document.documentElement.lang = language === "zh" ? "zh-CN" : "en";
  for (const element of root.querySelectorAll("[data-text]")) element.textContent = text(element.dataset.text);
  for (const element of root.querySelectorAll("[data-label]")) {
    element.setAttribute("aria-label", text(element.dataset.label));
  }
  for (const element of root.querySelectorAll("[data-placeholder]")) {
    element.placeholder = text(element.dataset.placeholder);
  }
}
