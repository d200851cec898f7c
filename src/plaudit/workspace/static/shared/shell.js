/** Scripts of every page: account menu, colour scheme, announcements, copy and confirm buttons. */

import { keepFocus, restoreFocus } from "./kept_focus.js";
import { t } from "./texts.js";

/** Announce a text to screen readers. */
export function announce(text) {
  const live = document.getElementById("live");
  live.textContent = "";
  // Screen readers ignore a region that is set to the same text at once.
  setTimeout(() => { live.textContent = text; }, 50);
}

const NAMES = { "": t("Colours: as the system has them"), light: t("Colours: light"), dark: t("Colours: dark") };
const ORDER = ["", "light", "dark"];
const YEAR_S = 365 * 24 * 60 * 60;

function setUpTheme() {
  const button = document.getElementById("theme");
  if (button === null) return;
  const name = document.getElementById("theme-name");
  const root = document.documentElement;
  const show = () => {
    name.textContent = NAMES[root.dataset.theme ?? ""];
    button.title = name.textContent;
  };
  button.hidden = false;
  show();
  button.addEventListener("click", () => {
    const next = ORDER[(ORDER.indexOf(root.dataset.theme ?? "") + 1) % ORDER.length];
    if (next) root.dataset.theme = next;
    else delete root.dataset.theme;
    document.querySelector('meta[name="color-scheme"]').content = next || "light dark";
    // The server reads the cookie, so that the next page has the colours from its first paint.
    document.cookie = `plaudit-theme=${next}; Path=/; SameSite=Lax; Max-Age=${next ? YEAR_S : 0}`;
    show();
    announce(NAMES[next]);
  });
}

function setUpMenus() {
  const menus = document.querySelectorAll("details.menu");
  document.addEventListener("click", (event) => {
    for (const menu of menus) if (!menu.contains(event.target)) menu.open = false;
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    for (const menu of menus) {
      if (!menu.open) continue;
      menu.open = false;
      menu.querySelector("summary").focus();
    }
  });
}

/** Buttons with data-copy copy the value, or else the text, of the element they name. */
function setUpCopying() {
  for (const button of document.querySelectorAll("[data-copy]")) {
    button.hidden = navigator.clipboard === undefined;
    button.addEventListener("click", async () => {
      const { value, textContent } = document.getElementById(button.dataset.copy);
      await navigator.clipboard.writeText(value ?? textContent);
      announce(t("Copied"));
      button.textContent = t("Copied");
    });
  }
}

/** Forms with data-confirm ask before they are submitted. */
function setUpConfirming() {
  for (const form of document.querySelectorAll("form[data-confirm]")) {
    form.addEventListener("submit", (event) => {
      if (!window.confirm(form.dataset.confirm)) event.preventDefault();
    });
  }
}

/** Turning the wheel over a number field scrolls the page; browsers would change the number. */
function setUpNumberFields() {
  document.addEventListener("wheel", () => {
    const field = document.activeElement;
    if (!field?.matches("input[type=number]")) return;
    // Only a field that has the focus is changed, once the listeners have run.
    field.blur();
    setTimeout(() => {
      if (document.activeElement === document.body) field.focus({ preventScroll: true });
    });
  }, { capture: true, passive: true });
}

/** Ctrl K, or the button of the top bar, opens the palette; its script is loaded when it is wanted. */
function setUpPalette() {
  if (document.getElementById("palette-template") === null) return;
  const open = async () => (await import("./palette.js")).openPalette();
  const button = document.getElementById("open-palette");
  if (button !== null) {
    button.hidden = false;
    button.addEventListener("click", open);
  }
  document.addEventListener("keydown", (event) => {
    if (event.key !== "k" || !(event.ctrlKey || event.metaKey) || event.shiftKey || event.altKey) return;
    event.preventDefault();
    open();
  });
}

/** Bring the focus to what is wrong or was just made, or leave it where it was; say what the page before did. */
function setUpFocus() {
  const told = document.getElementById("flash");
  (document.getElementById("problem") ?? document.querySelector("[aria-invalid], [data-focus]"))?.focus();
  restoreFocus(told);
  keepFocus();
  if (told !== null) announce(told.textContent);
}

setUpFocus();
setUpTheme();
setUpMenus();
setUpCopying();
setUpConfirming();
setUpNumberFields();
setUpPalette();
