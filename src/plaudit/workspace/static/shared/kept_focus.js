/** Focus of whoever works by keyboard: it stays where it was when a form leads back to its own page. */

const NAME = "plaudit-focus";

// A control that is named "action" would hide the property of that name.
const pathOf = (form) => new URL(form.getAttribute("action") ?? "", location.href).pathname;
const formsLike = (path) => [...document.forms].filter((form) => pathOf(form) === path);

/** Remember which control of a form had the focus when a key submitted it. */
export function keepFocus() {
  let isByKey = false;
  document.addEventListener("keydown", () => { isByKey = true; }, true);
  document.addEventListener("pointerdown", () => { isByKey = false; }, true);
  document.addEventListener("submit", ({ target: form, defaultPrevented, submitter }) => {
    if (!isByKey || defaultPrevented) return;
    const path = pathOf(form);
    const controls = [...form.elements];
    const used = controls.includes(document.activeElement) ? document.activeElement : submitter;
    const kept = { page: location.pathname, path, form: formsLike(path).indexOf(form), control: controls.indexOf(used), name: used?.name };
    sessionStorage.setItem(NAME, JSON.stringify(kept));
  });
}

/** Load the page again; what has the focus keeps it, as far as the page still has it. */
export function reloadInPlace() {
  const { activeElement } = document;
  const kept = { page: location.pathname, id: activeElement.id };
  if (activeElement !== document.body) sessionStorage.setItem(NAME, JSON.stringify(kept));
  location.reload();
}

/** Go to another page, whose content gets the focus as after a form. */
export function leaveFor(path) {
  sessionStorage.setItem(NAME, JSON.stringify({ page: location.pathname }));
  location.assign(path);
}

/** Focus that control again. Where it is gone, or the form led elsewhere, the message `told` gets the focus, or the
 * content of a page without one; where tasks are done the first question gets it.
 * A message that is then out of sight is shown at the bottom of the window, up to the next key. */
export function restoreFocus(told) {
  const kept = JSON.parse(sessionStorage.getItem(NAME) ?? "null");
  sessionStorage.removeItem(NAME);
  if (kept === null || document.activeElement !== document.body) return;
  const isBack = kept.page === location.pathname;
  const control = isBack ? formsLike(kept.path)[kept.form]?.elements[kept.control] : undefined;
  if (control !== undefined && control.name === kept.name) control.focus();
  else if (isBack && kept.id) document.getElementById(kept.id)?.focus();
  if (document.activeElement === document.body) {
    (told ?? (document.querySelector("#task[data-preview]") ? null : document.getElementById("main")))?.focus();
    return;
  }
  if (told === null || told.getBoundingClientRect().bottom > 0) return;
  told.classList.add("is-below");
  for (const type of ["keydown", "pointerdown"]) {
    document.addEventListener(type, () => told.classList.remove("is-below"), { once: true, capture: true });
  }
}
