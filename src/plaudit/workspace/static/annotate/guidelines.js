/** The guidelines beside the work: open at what is asked, search, close; say when they have changed. */

import { isComposing } from "../shared/pressed.js";

export function bindGuidelines(task) {
  const pane = document.getElementById("guidelines");
  const button = document.getElementById("open-guidelines");
  if (pane === null) return () => {};
  const search = document.getElementById("guidelines-search");
  const told = document.getElementById("guidelines-found");
  const body = pane.querySelector(".pane-body");
  const badge = document.getElementById("guidelines-changed");
  const name = `plaudit-guidelines-${task.project}`;
  const headings = [...body.querySelectorAll("h1, h2, h3, h4, h5, h6")];
  let asked = null;
  const blocks = [...body.querySelectorAll("p, li, h1, h2, h3, h4, h5, h6, td, th, pre, blockquote")];

  const read = localStorage.getItem(name);
  badge.hidden = read === null || read === task.guidelines;
  document.getElementById("task").addEventListener("focusin", (event) => {
    asked = event.target.closest("[data-question]")?.dataset.title.trim().toLowerCase() ?? asked;
  });

  /** Go to the section about the question that the person was at, if one is called like it. */
  function goToAsked() {
    const titles = headings.map((one) => one.textContent.trim().toLowerCase());
    const exact = titles.indexOf(asked);
    const at = exact >= 0 ? exact : titles.findIndex((one) => asked && one && (one.includes(asked) || asked.includes(one)));
    for (const one of headings) one.classList.toggle("is-asked", one === headings[at]);
    headings[at]?.scrollIntoView({ block: "start" });
  }

  function toggle(isOpen = pane.hidden) {
    pane.hidden = !isOpen;
    document.body.classList.toggle("has-pane", isOpen);
    button.setAttribute("aria-expanded", String(isOpen));
    if (isOpen) {
      localStorage.setItem(name, task.guidelines);
      badge.hidden = true;
      goToAsked();
    }
    (isOpen ? search : button).focus({ preventScroll: true });
  }

  search.addEventListener("input", () => {
    const wanted = search.value.trim().toLowerCase();
    const found = blocks.filter((one) => wanted && one.textContent.toLowerCase().includes(wanted));
    for (const one of blocks) one.classList.toggle("is-found", found.includes(one));
    told.textContent = wanted ? `${found.length} place${found.length === 1 ? "" : "s"}` : "";
    found[0]?.scrollIntoView({ block: "nearest" });
  });
  button.addEventListener("click", () => toggle());
  pane.querySelector("[data-close]").addEventListener("click", () => toggle(false));
  pane.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || isComposing(event)) return;
    toggle(false);
    event.stopPropagation();
  });
  return toggle;
}
