/** The guidelines beside the work: open, search, close. */

export function bindGuidelines() {
  const pane = document.getElementById("guidelines");
  const button = document.getElementById("open-guidelines");
  if (pane === null) return () => {};
  const search = document.getElementById("guidelines-search");
  const told = document.getElementById("guidelines-found");
  const body = pane.querySelector(".pane-body");
  const blocks = [...body.querySelectorAll("p, li, h1, h2, h3, h4, h5, h6, td, th, pre, blockquote")];

  function toggle(isOpen = pane.hidden) {
    pane.hidden = !isOpen;
    document.body.classList.toggle("has-pane", isOpen);
    button.setAttribute("aria-expanded", String(isOpen));
    (isOpen ? search : button).focus();
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
    if (event.key !== "Escape") return;
    toggle(false);
    event.stopPropagation();
  });
  return toggle;
}
