// Conveniences for the documentation page. Everything can be read and reached without them, and
// nothing is stored or sent anywhere.

const nav = document.getElementById("contents");
const links = [...nav.querySelectorAll("a[href^='#']")];

function showOwnOrigin() {
  for (const place of document.querySelectorAll("[data-origin]")) {
    place.textContent = location.origin;
  }
}

function filterContents() {
  const input = document.getElementById("filter");
  const status = nav.querySelector("[role=status]");
  const items = [...nav.querySelectorAll("li[data-search]")];
  const schemas = nav.querySelector("details");

  input.addEventListener("input", () => {
    const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
    for (const item of items) {
      item.hidden = !words.every((word) => item.dataset.search.includes(word));
    }
    for (const section of nav.querySelectorAll("section")) {
      const own = [...section.querySelectorAll("li[data-search]")];
      section.hidden = own.length > 0 && own.every((item) => item.hidden);
    }
    const found = items.filter((item) => !item.hidden).length;
    schemas.open = words.length > 0;
    status.textContent = words.length ? `${found} found` : "";
  });
}

function offerToCopy() {
  if (!navigator.clipboard) return; // Browsers offer it on https and on this machine only.
  for (const block of document.querySelectorAll(".code")) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "copy";
    button.setAttribute("aria-live", "polite");
    const title = document.createElement("span");
    title.className = "hidden";
    title.textContent = block.querySelector("figcaption").textContent;
    const word = document.createTextNode("Copy");
    button.append(word, " ", title);
    button.addEventListener("click", async () => {
      word.data = await navigator.clipboard.writeText(block.querySelector("code").textContent)
        .then(() => "Copied", () => "Not allowed");
      setTimeout(() => { word.data = "Copy"; }, 2000);
    });
    block.append(button);
  }
}

function markWhereWeAre() {
  const places = new Map(links.map((link) => [link.hash.slice(1), link]));
  const inView = new Set();
  const observer = new IntersectionObserver((entries) => {
    for (const { target, isIntersecting } of entries) {
      inView[isIntersecting ? "add" : "delete"](target);
    }
    // The innermost part in view comes last in the document.
    const current = [...inView].sort((a, b) => a.compareDocumentPosition(b) & 4 ? -1 : 1).at(-1);
    for (const [id, link] of places) {
      if (id === current?.id) link.setAttribute("aria-current", "location");
      else link.removeAttribute("aria-current");
    }
    const link = places.get(current?.id);
    if (link && !nav.contains(document.activeElement)) keepInSight(link);
  }, { rootMargin: "-15% 0px -80% 0px" });
  for (const id of places.keys()) {
    const place = document.getElementById(id);
    if (place) observer.observe(place);
  }
}

// Scrolls the contents alone: scrollIntoView would move the page as well.
function keepInSight(link) {
  const box = link.getBoundingClientRect();
  const frame = nav.getBoundingClientRect();
  if (box.height === 0) return;
  if (box.top < frame.top + 40) nav.scrollTop += box.top - frame.top - 40;
  else if (box.bottom > frame.bottom - 40) nav.scrollTop += box.bottom - frame.bottom + 40;
}

nav.addEventListener("click", (event) => {
  if (event.target.closest("a") && nav.matches(":popover-open")) nav.hidePopover();
});

showOwnOrigin();
filterContents();
offerToCopy();
markWhereWeAre();
