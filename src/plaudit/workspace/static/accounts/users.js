/** Show the button that saves a role once another role is chosen. */

for (const form of document.querySelectorAll(".role-form")) {
  const select = form.querySelector("select");
  const button = form.querySelector("button");
  const saved = select.value;
  const show = () => { button.hidden = select.value === saved; };
  select.addEventListener("change", show);
  show();
}
