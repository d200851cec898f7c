/** The rule of core/labeling/conditions.py: which answers meet a condition. */

import { isBlank } from "./blank.js";

/** Whether an answer of the store meets a condition; values stand as the page sends them. */
export function meets({ operator, values }, { value }) {
  if (value === undefined || value === null || (typeof value === "string" && isBlank(value))) return false;
  if (Array.isArray(value) && !value.length) return false;
  if (operator === "answered") return true;
  const one = typeof value === "object" && !Array.isArray(value) ? value.score : value;
  if (one === undefined) return false;
  if (operator === "at_least") return typeof one === "number" && one >= values[0];
  if (operator === "at_most") return typeof one === "number" && one <= values[0];
  const isAmong = [one].flat().some((given) => values.includes(given));
  return operator === "is" ? isAmong : !isAmong;
}
