/** `@` in a text names a response. In the text it is `@Response 2`, 2 being its place on the screen;
 * the server keeps which response stood there. Below the text, each mention leads to its response. */

import { isComposing } from "../shared/pressed.js";
import { t } from "../shared/texts.js";

/** The beginning of a mention before the caret, also with the full-width sign of East Asian keyboards. */
const OPENING = /[@＠](?:\d{1,3}|R(?:e(?:s(?:p(?:o(?:n(?:s(?:e(?: \d{0,3})?)?)?)?)?)?)?)?)?$/i;
const MENTION = /@Response (\d{1,3})(?!\d)/g;

export function bindMentions(element, field, write) {
  const menu = element.querySelector("[data-menu]");
  const options = [...menu.querySelectorAll("[data-choose]")];
  const chips = [...element.querySelectorAll("[data-mention]")];
  let current = 0;

  menu.id = `${element.id}-menu`;
  menu.setAttribute("role", "listbox");
  for (const [number, option] of options.entries()) {
    option.id = `${menu.id}-${number}`;
    option.setAttribute("role", "option");
    option.addEventListener("pointerdown", (event) => {
      event.preventDefault();
      insert(option.dataset.choose);
    });
  }
  field.setAttribute("aria-haspopup", "listbox");
  field.setAttribute("aria-controls", menu.id);

  const before = () => field.value.slice(0, field.selectionStart);
  const isOpen = () => !menu.hidden;

  /** The place in the menu that the begun mention means: by its number, else the marked one; -1 for none. */
  function wanted() {
    const digits = /\d+$/.exec(OPENING.exec(before())?.[0] ?? "");
    return digits === null ? current : options.findIndex((one) => Number(one.dataset.choose) === Number(digits[0]));
  }

  function open() {
    menu.hidden = false;
    mark(0);
    menu.scrollIntoView({ block: "nearest" });
  }

  function close() {
    menu.hidden = true;
    field.removeAttribute("aria-activedescendant");
  }

  function mark(number) {
    current = (number + options.length) % options.length;
    for (const [at, option] of options.entries()) option.setAttribute("aria-selected", at === current);
    field.setAttribute("aria-activedescendant", options[current].id);
  }

  function insert(position) {
    const text = before();
    const isBegun = OPENING.test(text) && (isOpen() || !/\d$/.test(text));
    const start = isBegun ? text.search(OPENING) : text.length;
    const space = start > 0 && start === text.length && !/\s$/.test(text) ? " " : "";
    field.focus();
    field.setRangeText(`${space}@Response ${position} `, start, field.selectionStart, "end");
    close();
    write();
  }

  field.addEventListener("input", () => {
    if (/[@＠]$/.test(before())) open();
    else if (!isOpen()) return;
    else if (OPENING.test(before()) && wanted() >= 0) mark(wanted());
    else close();
  });
  field.addEventListener("blur", close);
  field.addEventListener("keydown", (event) => {
    if (!isOpen() || isComposing(event)) return;
    if (event.key === "ArrowDown") mark(current + 1);
    else if (event.key === "ArrowUp") mark(current - 1);
    else if (event.key === "Enter" && !event.ctrlKey && !event.metaKey) insert(options[current].dataset.choose);
    else if (event.key === "Escape") close();
    else return;
    event.preventDefault();
    event.stopPropagation();
  });
  for (const chip of chips) chip.addEventListener("click", () => insert(chip.dataset.mention));

  return function show() {
    const named = new Set([...field.value.matchAll(MENTION)].map((found) => found[1]));
    for (const chip of chips) {
      const isNamed = named.has(chip.dataset.mention);
      chip.classList.toggle("is-named", isNamed);
      chip.setAttribute("aria-label", isNamed
        ? t("Mentioned; mention again Response %(number)s", { number: chip.dataset.mention })
        : t("Mention Response %(number)s", { number: chip.dataset.mention }));
    }
  };
}
