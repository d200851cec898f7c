/** Form of a new task: adds fields for further responses, and takes the last one away. */

import { announce } from "../shared/shell.js";
import { t } from "../shared/texts.js";

const form = document.getElementById("new-task");
const list = document.getElementById("responses");
const add = document.getElementById("add-response");
const remove = document.getElementById("remove-response");
const most = Number(form.dataset.most);
const fields = () => [...list.querySelectorAll(".response-field")];

function show() {
  add.hidden = fields().length >= most;
  remove.hidden = fields().length <= 1;
}

add.addEventListener("click", () => {
  const number = fields().length + 1;
  const field = fields().at(-1).cloneNode(true);
  const [label, area] = [field.querySelector("label"), field.querySelector("textarea")];
  area.id = `response-${number}`;
  area.value = "";
  area.removeAttribute("aria-invalid");
  area.removeAttribute("aria-describedby");
  label.htmlFor = area.id;
  label.firstChild.textContent = `${t("Response %(number)s", { number })} `;
  fields().at(-1).after(field);
  show();
  area.focus();
});

remove.addEventListener("click", () => {
  const number = fields().length;
  fields().at(-1).remove();
  show();
  announce(t("Response %(number)s is removed", { number }));
  fields().at(-1).querySelector("textarea").focus();
});

show();
