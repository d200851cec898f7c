/** Widths of the panes: dividers between the conversation, the responses and the questions, by pointer or
 * arrow keys. What somebody chooses stays for the next task. */

import { t } from "../../shared/texts.js";

const WIDTHS = "plaudit-panes";
const STEP = 16;
/** Panes stand the other way round in a page that is read from right to left. */
const MIRRORED = document.documentElement.dir === "rtl" ? -1 : 1;
const LEAST = 176;
const RESPONSES_LEAST = 320;

/** `side` is where the pane stands, seen from its divider; `--NAME` its width on the page. */
const PANES = [
  { name: "lead", side: -1, selector: ".lead", label: t("Width of the conversation") },
  { name: "judge", side: 1, selector: ".judge", label: t("Width of the questions") },
];

export class Panes {
  #root;
  #widths = read();

  constructor(root) {
    this.#root = root;
    for (const { name } of PANES) if (this.#widths[name]) this.#show(name, this.#widths[name]);
  }

  /** Put dividers into a part of the page. */
  add(part) {
    for (const section of part.querySelectorAll(".asked")) {
      for (const pane of PANES) {
        const element = section.querySelector(`:scope > ${pane.selector}`);
        if (element && section.querySelector(":scope > .responses")) this.#add(section, element, pane);
      }
    }
  }

  #add(section, element, { name, side, label }) {
    const divider = document.createElement("div");
    divider.className = `divider divider-${name}`;
    divider.tabIndex = 0;
    divider.setAttribute("role", "separator");
    divider.setAttribute("aria-orientation", "vertical");
    divider.setAttribute("aria-label", label);
    divider.setAttribute("aria-valuemin", LEAST);
    const width = () => Math.round(element.getBoundingClientRect().width);
    const most = () => Math.max(LEAST, width() + section.querySelector(":scope > .responses").clientWidth - RESPONSES_LEAST);
    const tell = () => {
      divider.setAttribute("aria-valuemax", most());
      divider.setAttribute("aria-valuenow", width());
    };
    const set = (wanted) => {
      this.#keep(name, Math.round(Math.min(Math.max(wanted, LEAST), most())));
      tell();
    };

    divider.addEventListener("focus", tell);
    divider.addEventListener("keydown", (event) => {
      const way = { ArrowLeft: -MIRRORED, ArrowRight: MIRRORED }[event.key];
      if (way) set(width() - way * side * STEP);
      else if (event.key === "Home") this.#forget(name);
      else return;
      tell();
      event.preventDefault();
      event.stopPropagation();
    });
    divider.addEventListener("dblclick", () => this.#forget(name));
    divider.addEventListener("pointerdown", (event) => {
      const [from, was] = [event.clientX, width()];
      divider.setPointerCapture(event.pointerId);
      const move = (now) => set(was - (now.clientX - from) * side * MIRRORED);
      divider.addEventListener("pointermove", move);
      divider.addEventListener("lostpointercapture", () => divider.removeEventListener("pointermove", move), { once: true });
      event.preventDefault();
    });
    if (side < 0) element.after(divider);
    else element.before(divider);
    tell();
  }

  #keep(name, width) {
    this.#widths[name] = width;
    this.#show(name, width);
    localStorage.setItem(WIDTHS, JSON.stringify(this.#widths));
  }

  /** Back to the usual width. */
  #forget(name) {
    delete this.#widths[name];
    this.#root.style.removeProperty(`--${name}`);
    localStorage.setItem(WIDTHS, JSON.stringify(this.#widths));
  }

  #show(name, width) {
    this.#root.style.setProperty(`--${name}`, `${width}px`);
  }
}

/** What was chosen before; nothing if it cannot be read. */
function read() {
  try {
    const found = Object(JSON.parse(localStorage.getItem(WIDTHS) ?? "{}"));
    return Object.fromEntries(Object.entries(found).filter(([, width]) => Number.isFinite(width)));
  } catch {
    return {};
  }
}
