/** Numbers, sizes and times for people, in the page's language. */

import { language, text } from "./i18n.js";

const decimal = new Intl.NumberFormat(language, { maximumFractionDigits: 1 });
const clock = new Intl.DateTimeFormat(language, {
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
  fractionalSecondDigits: 3,
  hourCycle: "h23",
});
const dateAndTime = new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "medium" });

/** @param {number} value */
export function number(value) {
  return decimal.format(value);
}

/** @param {number} milliseconds since 1970 */
export function timeOfDay(milliseconds) {
  return clock.format(milliseconds);
}

/** @param {number} milliseconds since 1970 */
export function fullTime(milliseconds) {
  return dateAndTime.format(milliseconds);
}

/** A length of time, as short as it can be said, in English: `0.4 ms`, `250 ms`, `1.8 s`, `3 min`, `2 h`. */
export function duration(milliseconds) {
  if (milliseconds < 10) return text("milliseconds", { count: decimal.format(milliseconds) });
  if (milliseconds < 999.5) return text("milliseconds", { count: Math.round(milliseconds) });
  if (milliseconds < 60_000) return text("seconds", { count: decimal.format(milliseconds / 1000) });
  if (milliseconds < 3_600_000) return text("minutes", { count: number(Math.floor(milliseconds / 60_000)) });
  return text("hours", { count: number(milliseconds / 3_600_000) });
}

/** @param {number} bytes */
export function size(bytes) {
  if (bytes < 1024) return text("bytes", { count: number(bytes) });
  if (bytes < 1024 * 1024) return `${decimal.format(bytes / 1024)} KB`;
  return `${decimal.format(bytes / 1024 / 1024)} MB`;
}
