/** Suggested answers: each stands below its question and becomes an answer when somebody uses it. */

import { t } from "../../shared/texts.js";

const FIELDS = "input:not([type=hidden]), select, textarea, button:not([data-use])";

/** Bind the suggestions of a page, or of a part that was drawn later. */
export function bindSuggestions(root, store) {
  const lines = [...root.querySelectorAll("[data-suggested]")].map((line) => {
    const element = line.closest("[data-question]");
    return { line, element, address: JSON.parse(element.dataset.address), value: JSON.parse(line.dataset.suggested) };
  });

  const isUsed = ({ address, value }) =>
    JSON.stringify(store.get(address).value) === JSON.stringify(value);

  function show({ line, ...one }) {
    line.querySelector("[data-use]").hidden = isUsed(one);
    line.querySelector("[data-suggested-state]").textContent =
      isUsed(one) ? t("Suggested, and your answer") : t("Suggested");
  }

  for (const one of lines) {
    one.line.querySelector("[data-use]").addEventListener("click", () => {
      store.set(one.address, { value: one.value });
      [...one.element.querySelectorAll(FIELDS)].find((field) => field.checkVisibility())?.focus();
    });
  }
  document.querySelector("[data-use-all]")?.addEventListener("click", () => {
    for (const { address, value } of lines) {
      if (!store.isAnswered(address)) store.set(address, { value });
    }
  });
  store.subscribe(() => lines.forEach(show));
  lines.forEach(show);
}
