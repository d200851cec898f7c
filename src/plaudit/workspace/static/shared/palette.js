/** Command palette: pages by their names, and projects, tasks and people that the server finds. */

import { send } from "./net.js";
import { t } from "./texts.js";

const WAIT_MS = 150;

let palette = null;

/** Open the palette, with nothing typed. */
export function openPalette() {
  palette ??= new Palette();
  palette.open();
}

class Palette {
  constructor() {
    const template = document.getElementById("palette-template");
    document.body.append(template.content.cloneNode(true));
    this.dialog = document.getElementById("palette");
    this.input = document.getElementById("palette-input");
    this.list = document.getElementById("palette-found");
    this.told = document.getElementById("palette-told");
    this.pages = [...this.list.children];
    this.waiting = null;
    this.asked = null;
    this.input.addEventListener("input", () => this.typed());
    this.input.addEventListener("keydown", (event) => this.pressed(event));
    this.list.addEventListener("click", (event) => {
      const option = event.target.closest("[data-path]");
      if (option !== null) this.go(option);
    });
  }

  open() {
    if (this.dialog.open) return;
    this.input.value = "";
    this.show(this.pages);
    this.dialog.showModal();
    this.input.focus();
  }

  typed() {
    const text = this.input.value.trim().toLowerCase();
    const pages = this.pages.filter((one) => one.textContent.toLowerCase().includes(text));
    clearTimeout(this.waiting);
    this.asked?.abort();
    this.show(pages);
    if (text) this.waiting = setTimeout(() => this.ask(this.input.value.trim(), pages), WAIT_MS);
  }

  async ask(text, pages) {
    this.asked = new AbortController();
    try {
      const project = /^\/projects\/([^/]+)\//.exec(`${location.pathname}/`)?.[1];
      const inside = project === undefined ? "" : `&project=${project}`;
      const path = `/find?q=${encodeURIComponent(text)}${inside}`;
      const { found } = await send("GET", path, null, { signal: this.asked.signal });
      this.show([...pages, ...found.map(optionOf)]);
      if (this.list.children.length === 0) this.told.textContent = t("Nothing is called this.");
    } catch (error) {
      if (error.name !== "AbortError") this.told.textContent = error.message;
    }
  }

  /** Show options, the first of them marked, or the one that was marked if it is among them. */
  show(options) {
    const kept = options.indexOf(this.marked);
    this.told.textContent = "";
    this.list.replaceChildren(...options);
    for (const [number, option] of options.entries()) option.id = `palette-${number}`;
    this.mark(Math.max(kept, 0));
  }

  mark(number) {
    const options = [...this.list.children];
    this.marked = options[number] ?? null;
    for (const option of options) option.setAttribute("aria-selected", option === this.marked);
    if (this.marked === null) this.input.removeAttribute("aria-activedescendant");
    else this.input.setAttribute("aria-activedescendant", this.marked.id);
    this.marked?.scrollIntoView({ block: "nearest" });
  }

  pressed(event) {
    const options = [...this.list.children];
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step !== undefined && options.length > 0) {
      this.mark((options.indexOf(this.marked) + step + options.length) % options.length);
    } else if (event.key === "Enter" && this.marked !== null && !event.isComposing) {
      this.go(this.marked);
    } else {
      return;
    }
    event.preventDefault();
  }

  go(option) {
    this.dialog.close();
    location.assign(option.dataset.path);
  }
}

const KINDS = { Project: t("Project"), Task: t("Task"), Person: t("Person") };

function optionOf({ kind, name, path }) {
  const option = document.createElement("li");
  option.setAttribute("role", "option");
  option.dataset.path = path;
  const title = document.createElement("bdi");
  title.textContent = name;
  const what = document.createElement("span");
  what.className = "soft small";
  what.textContent = KINDS[kind] ?? kind;
  option.append(title, " ", what);
  return option;
}
