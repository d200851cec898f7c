/** The button that saves a role shows once another role is chosen. */

for (const form of document.querySelectorAll(".role-form")) {
  const select = form.querySelector("select");
  const button = form.querySelector("button");
  const was = select.value;
  const show = () => { button.hidden = select.value === was; };
  select.addEventListener("change", show);
  show();
}

document.querySelector("[data-focus]")?.focus();
