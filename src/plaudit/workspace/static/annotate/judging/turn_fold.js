/** Turns folded to their first line: of those that led here all but the last, of those that are judged the
 * ones that somebody has gone on from by key with nothing missing. Each opens whole by a click. */

import { t } from "../../shared/texts.js";

const FOLDED = "is-turn-folded";

/** Fold a turn that is judged to a line that opens it again. */
export function foldTurn(section, name, count) {
  let line = section.querySelector(":scope > .turn-line");
  if (line === null) {
    const said = document.createElement("bdi");
    const [called, done] = [document.createElement("span"), document.createElement("span")];
    line = document.createElement("button");
    line.type = "button";
    line.className = "turn-line";
    called.className = "turn-name";
    called.textContent = name;
    const prompt = [...section.querySelectorAll(".prompt > .said-user > .as-raw")].at(-1);
    said.textContent = prompt?.textContent.trim().split("\n")[0] ?? "";
    done.className = "is-done";
    line.append(called, said, done);
    line.addEventListener("click", () => {
      unfoldTurn(section);
      section.tabIndex = -1;
      section.focus();
    });
    section.prepend(line);
  }
  line.lastChild.textContent = count ? `✓ ${t("%(done)s of %(count)s answers", { done: count, count })}` : "";
  section.classList.add(FOLDED);
}

/** Open the turn that an element is in. */
export function unfoldTurn(element) {
  element?.closest?.(`.${FOLDED}`)?.classList.remove(FOLDED);
}

export const isTurnFolded = (section) => section?.classList.contains(FOLDED) ?? false;

/** In a part of the page, the buttons that open all turns that led to one, or fold them again. */
export function bindUnfolding(part) {
  for (const button of part.querySelectorAll("[data-unfold]")) {
    button.addEventListener("click", () => {
      const isOpen = button.getAttribute("aria-pressed") !== "true";
      button.setAttribute("aria-pressed", String(isOpen));
      for (const turn of button.closest(".context-body").querySelectorAll(".earlier")) turn.open = isOpen;
    });
  }
}
