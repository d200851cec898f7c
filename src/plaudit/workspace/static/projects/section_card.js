/** Card of a section in the form editor: the questions below it, up to the next one, belong to it. */

export class SectionCard {
  /** Callbacks: `changed()` after every change, `moved(card, by, button)` and `removed(card)` by buttons. */
  constructor(section, { changed, moved, removed }) {
    this.element = document.getElementById("section-card").content.firstElementChild.cloneNode(true);
    this.element.section = this;
    this.rest = { ...section };
    const number = document.querySelectorAll("[data-section-id]").length;
    for (const control of this.element.querySelectorAll("[data-field]")) {
      const name = control.dataset.field;
      control.id = `section-${section.key}-${number}-${name}`;
      const label = control.parentElement.querySelector("label");
      if (label && !label.contains(control)) label.htmlFor = control.id;
      if (name === "folded") control.checked = Boolean(section.folded);
      else control.value = section[name] ?? "";
      delete this.rest[name];
    }
    this.element.dataset.sectionId = number;
    this.element.addEventListener("input", () => {
      this.name();
      changed();
    });
    for (const button of this.element.querySelectorAll("[data-move]")) {
      button.addEventListener("click", () => moved(this, Number(button.dataset.move), button));
    }
    this.element.querySelector("[data-remove]").addEventListener("click", () => removed(this));
    this.name();
  }

  find(name) {
    return this.element.querySelector(`[data-field="${name}"]`);
  }

  name() {
    for (const said of this.element.querySelectorAll("[data-says]")) said.textContent = said.dataset.says + this.title;
  }

  get title() {
    return this.find("title").value;
  }

  get key() {
    return this.rest.key;
  }

  /** Return the section in the API's shape. */
  read() {
    const section = { ...this.rest, title: this.title };
    const description = this.find("description").value;
    if (description) section.description = description;
    if (this.find("folded").checked) section.folded = true;
    return section;
  }

  /** Show an error beside the title; an empty message removes it. */
  say(message) {
    const line = this.element.querySelector("[data-wrong]");
    line.textContent = message;
    line.hidden = message === "";
    this.find("title").toggleAttribute("aria-invalid", message !== "");
  }
}
