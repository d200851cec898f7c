/** Live preview of the conversation that a template makes of example values. */

import { Preview } from "./preview.js";

const template = document.getElementById("template");
const variables = document.getElementById("variables");

/** Show an error beneath a field; an empty message removes it. */
function say(field, message) {
  const id = `${field.id}-wrong-now`;
  let line = document.getElementById(id);
  field.parentElement.classList.toggle("is-wrong", message !== "");
  if (message === "") {
    line?.remove();
    field.removeAttribute("aria-invalid");
    field.setAttribute("aria-describedby", `${field.id}-hint`);
    return;
  }
  if (line === null) {
    line = document.createElement("p");
    line.id = id;
    line.className = "wrong";
    field.after(line);
  }
  line.textContent = message;
  field.setAttribute("aria-invalid", "true");
  field.setAttribute("aria-describedby", `${id} ${field.id}-hint`);
}

const preview = new Preview(
  template.form.dataset.preview,
  () => ({ template: template.value, variables: variables.value }),
  (pointer, message) => {
    const where = pointer.replace(/^\/template/, "");
    const isTemplate = pointer.startsWith("/template");
    say(template, isTemplate ? `${where ? `${where}: ` : ""}${message}` : "");
    say(variables, isTemplate ? "" : message);
  },
);
for (const field of [template, variables]) {
  field.addEventListener("input", () => {
    document.getElementById(`${field.id}-wrong`)?.remove();
    preview.touch();
  });
}
preview.show();
