/** Cards of a list that are dragged by their handle, by mouse, pen or finger; by keyboard arrows move them. */

import { isComposing } from "../shared/pressed.js";

const EDGE = 60;
const STEP = 14;

/** Let the cards of a list be dragged by what matches `[data-drag]` in them. `onDropped(item)` is called after
 * a card was put down somewhere else, `onMoved(item, by)` for an arrow key on its handle. */
export function bindDragging(list, { onDropped, onMoved }) {
  list.addEventListener("pointerdown", (event) => {
    const handle = event.target.closest("[data-drag]");
    if (!handle || event.button !== 0) return;
    event.preventDefault();
    handle.focus();
    drag(list, handle, event, onDropped);
  });
  list.addEventListener("keydown", (event) => {
    const by = { ArrowUp: -1, ArrowDown: 1 }[event.key];
    if (!by || event.altKey || isComposing(event) || !event.target.matches("[data-drag]")) return;
    event.preventDefault();
    onMoved(event.target.closest("li"), by, event.target);
  });
}

function drag(list, handle, { pointerId, clientY }, onDropped) {
  const item = handle.closest("li");
  const place = item.nextElementSibling;
  let last = clientY;
  item.classList.add("is-dragged");
  handle.setPointerCapture(pointerId);

  const follow = () => {
    const other = [...list.children].find((one) => one !== item && last < bottomOf(one));
    const before = other !== undefined && last < middleOf(other) ? other : other?.nextElementSibling ?? null;
    if (before !== item && before !== item.nextElementSibling) {
      list.insertBefore(item, before);
      handle.setPointerCapture(pointerId); // moving it in the document lets go of it
    }
  };
  const scroll = setInterval(() => {
    const by = last < EDGE ? -STEP : last > innerHeight - EDGE ? STEP : 0;
    if (!by) return;
    scrollBy(0, by);
    follow();
  }, 16);
  const move = (event) => {
    last = event.clientY;
    follow();
  };
  const end = (isKept) => {
    clearInterval(scroll);
    item.classList.remove("is-dragged");
    handle.removeEventListener("pointermove", move);
    handle.removeEventListener("pointerup", drop);
    handle.removeEventListener("pointercancel", cancel);
    document.removeEventListener("keydown", leave, true);
    if (!isKept) list.insertBefore(item, place);
    handle.focus();
    if (isKept && item.nextElementSibling !== place) onDropped(item);
  };
  const drop = () => end(true);
  const cancel = () => end(false);
  const leave = (event) => {
    if (event.key !== "Escape") return;
    event.preventDefault();
    end(false);
  };
  handle.addEventListener("pointermove", move);
  handle.addEventListener("pointerup", drop);
  handle.addEventListener("pointercancel", cancel);
  document.addEventListener("keydown", leave, true);
}

const bottomOf = (one) => one.getBoundingClientRect().bottom;

function middleOf(one) {
  const { top, height } = one.getBoundingClientRect();
  return top + height / 2;
}
