/** Send back, messages, history and the list of keys; and the content of a task that was reported. */

import { t } from "../shared/texts.js";

export function bindDialogs() {
  const find = (id) => document.getElementById(id);
  const opened = {};
  for (const id of ["send-back", "messages", "history", "help"]) {
    const dialog = find(id);
    if (dialog === null) continue;
    opened[id] = () => { if (!dialog.open) dialog.showModal(); };
    find(`open-${id}`)?.addEventListener("click", opened[id]);
    for (const button of dialog.querySelectorAll("[data-close]")) {
      button.addEventListener("click", () => dialog.close());
    }
    if (dialog.dataset.open !== undefined) {
      opened[id]();
      dialog.querySelector("[aria-invalid]")?.focus();
    }
  }
  const content = find("show-content");
  const tools = find("tools");
  const hasTools = !tools.hidden;
  if (content !== null) tools.hidden = true;
  content?.addEventListener("click", () => {
    const isShown = content.getAttribute("aria-expanded") !== "true";
    content.setAttribute("aria-expanded", String(isShown));
    content.textContent = isShown ? t("Hide the content") : t("Show the content");
    find("content").hidden = !isShown;
    tools.hidden = !(isShown && hasTools);
  });
  return opened;
}
