/** The managers' list of tasks: tasks are chosen, and only what an action needs is asked for. */

import { t, tn } from "../shared/texts.js";

const form = document.getElementById("act");
const boxes = [...form.querySelectorAll("input[name=task]")];
const page = document.getElementById("choose-page");
const scope = document.getElementById("scope");
const action = document.getElementById("action");
const chosen = document.getElementById("chosen");
const button = document.getElementById("act-button");
let last = null;

/** Say how many tasks are chosen, and ask for a priority or a batch where one is needed. */
function show() {
  const count = boxes.filter((box) => box.checked).length;
  const isAll = scope.value === "all";
  for (const label of form.querySelectorAll("[data-for]")) label.hidden = label.dataset.for !== action.value;
  page.checked = count === boxes.length;
  page.indeterminate = count > 0 && count < boxes.length;
  button.disabled = !isAll && count === 0;
  chosen.textContent = isAll
    ? t("It can be undone.")
    : tn("%(count)s task is chosen.", "%(count)s tasks are chosen.", count);
}

document.getElementById("all-of-page").hidden = false;
page.addEventListener("change", () => {
  for (const box of boxes) box.checked = page.checked;
  show();
});
form.addEventListener("click", (event) => {
  const at = boxes.indexOf(event.target);
  if (at < 0) return;
  if (event.shiftKey && last !== null) {
    for (const box of boxes.slice(Math.min(at, last), Math.max(at, last) + 1)) box.checked = event.target.checked;
  }
  last = at;
  show();
});
form.addEventListener("change", show);
/* Back in history brings ticks back without an event. */
window.addEventListener("pageshow", show);
show();
