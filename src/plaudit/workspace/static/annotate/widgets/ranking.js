/** Put responses in order: by dragging, by buttons, by choosing ranks, by digits on the keyboard.
 *
 * Each response has a rank; where ties are allowed several may have the same. The list stands in the
 * order of the ranks. What goes into the store is positions, best first, as soon as all are ranked. */

import { digitOf, isComposing } from "../../shared/pressed.js";
import { t } from "../../shared/texts.js";

export function bind(element, store) {
  const address = JSON.parse(element.dataset.address);
  const list = element.querySelector(".ranks");
  const summary = element.querySelector("[data-summary]");
  const hasTies = element.dataset.ties === "yes";
  const items = [...list.children];
  let ranks = new Map();

  const of = (item) => Number(item.dataset.position);
  const ordered = () => [...list.children];

  function groups() {
    const found = [];
    for (const rank of [...new Set(ranks.values())].sort((a, b) => a - b)) {
      found.push(items.map(of).filter((one) => ranks.get(one) === rank));
    }
    return found;
  }

  function keep() {
    const found = groups();
    const value = hasTies ? found : found.map((group) => group[0]);
    store.set(address, { value: ranks.size ? value : undefined });
    draw();
  }

  /** Give a response a rank; without ties, who had it takes the one that became free. */
  function rank(position, wanted) {
    if (!wanted) ranks.delete(position);
    else {
      if (!hasTies) {
        const holder = [...ranks].find(([one, rank_]) => rank_ === wanted && one !== position);
        if (holder) {
          const free = ranks.get(position) ?? items.map((_, n) => n + 1).find((n) => ![...ranks.values()].includes(n));
          ranks.set(holder[0], free);
        }
      }
      ranks.set(position, wanted);
    }
    keep();
  }

  /** Take the order of the list as ranks. */
  function takeOrder() {
    ranks = new Map(ordered().map((item, number) => [of(item), number + 1]));
    keep();
  }

  function move(item, by) {
    const all = ordered();
    const to = Math.max(0, Math.min(all.length - 1, all.indexOf(item) + by));
    all.splice(all.indexOf(item), 1);
    all.splice(to, 0, item);
    const focused = document.activeElement;
    list.replaceChildren(...all);
    if (list.contains(focused)) focused.focus();
    takeOrder();
  }

  function draw() {
    const all = [...items].sort((a, b) => (ranks.get(of(a)) ?? 99) - (ranks.get(of(b)) ?? 99) || of(a) - of(b));
    if (all.some((item, number) => item !== list.children[number])) {
      const focused = document.activeElement;
      list.replaceChildren(...all);
      if (list.contains(focused)) focused.focus();
    }
    for (const item of items) item.querySelector("select").value = ranks.get(of(item)) ?? "";
    const found = groups();
    summary.textContent = found.map((group) => group.map((one) => t("Response %(number)s", { number: one })).join(" = ")).join(" > ");
  }

  let dragged = null;
  for (const item of items) {
    item.querySelector("select").addEventListener("change", (event) => rank(of(item), Number(event.target.value)));
    for (const button of item.querySelectorAll("[data-move]")) {
      button.addEventListener("click", () => { move(item, Number(button.dataset.move)); button.focus(); });
    }
    item.addEventListener("keydown", (event) => {
      if (isComposing(event)) return;
      const digit = digitOf(event);
      if (event.altKey && ["ArrowUp", "ArrowDown"].includes(event.key)) move(item, event.key === "ArrowUp" ? -1 : 1);
      else if (digit !== null && digit >= 1 && digit <= items.length) rank(of(item), digit);
      else return;
      event.preventDefault();
      event.stopPropagation();
    });
    item.addEventListener("dragstart", (event) => {
      if (store.isReadOnly) { event.preventDefault(); return; }
      dragged = item;
      event.dataTransfer.effectAllowed = "move";
      event.dataTransfer.setData("text/plain", "");
      item.classList.add("is-dragged");
    });
    item.addEventListener("dragover", (event) => {
      if (dragged === null) return;
      event.preventDefault();
      const box = item.getBoundingClientRect();
      if (item !== dragged) list.insertBefore(dragged, event.clientY < box.top + box.height / 2 ? item : item.nextSibling);
    });
    item.addEventListener("drop", (event) => event.preventDefault());
    item.addEventListener("dragend", () => {
      item.classList.remove("is-dragged");
      dragged = null;
      takeOrder();
    });
  }

  return function show() {
    const value = store.get(address).value ?? [];
    const places = value.map((group) => [group].flat());
    // Ranks with gaps between them are on their way to something; they are not closed meanwhile.
    if (JSON.stringify(places) === JSON.stringify(groups())) { draw(); return; }
    ranks = new Map();
    value.forEach((group, number) => { for (const one of [group].flat()) ranks.set(one, number + 1); });
    draw();
  };
}
