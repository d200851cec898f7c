/** The prompt in one column: once it has gone out of sight upwards, its first two lines stay at the top of
 * the window, and all of it where that is asked for. Where there are more columns it stands beside them. */

const TEXT_MAX = 4000;

const observer = new IntersectionObserver((seen) => {
  for (const { target, isIntersecting, boundingClientRect } of seen) {
    const isPast = !isIntersecting && boundingClientRect.bottom < innerHeight / 2;
    target.closest(".asked").classList.toggle("is-past-prompt", isPast);
    if (!isPast) fold(target.closest(".asked").querySelector(".strip"), true);
  }
}, { rootMargin: "-56px 0px 0px 0px" });

/** Put a strip below the prompts of a part of the page. */
export function addStrips(part) {
  for (const prompt of part.querySelectorAll(".asked > .lead > .prompt")) {
    const text = [...prompt.querySelectorAll(".said-user > .as-raw")].at(-1)?.textContent.trim() ?? "";
    if (!text) continue;
    const strip = document.createElement("div");
    strip.className = "strip";
    const line = document.createElement("button");
    line.type = "button";
    const said = document.createElement("span");
    said.dir = "auto";
    said.textContent = text.length > TEXT_MAX ? `${text.slice(0, TEXT_MAX)}…` : text;
    line.append(said);
    line.addEventListener("click", () => fold(strip));
    strip.append(line);
    fold(strip, true);
    prompt.closest(".lead").after(strip);
    observer.observe(prompt);
  }
}

function fold(strip, isFolded = strip.classList.contains("is-whole")) {
  strip.classList.toggle("is-whole", !isFolded);
  const line = strip.firstChild;
  line.setAttribute("aria-expanded", String(!isFolded));
  if (isFolded) line.scrollTop = 0;
}

/** Show the prompt whole, or its first lines again; where it has a place of its own, go there. */
export function showPrompt(section) {
  const strip = section?.querySelector(".strip");
  if (strip?.firstChild.checkVisibility()) fold(strip);
  else section?.querySelector(".prompt")?.focus();
  return Boolean(section);
}
