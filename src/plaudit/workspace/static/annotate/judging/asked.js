/** Questions with a condition, in sight while they are asked. */

/** Keep what is asked in sight and the rest out of it; `part` is the page, or what has just been drawn. */
export function showAsked(part, store) {
  if (!store.hasConditions) return;
  for (const question of part.querySelectorAll("[data-conditional]")) {
    question.toggleAttribute("data-unasked", !store.isAsked(JSON.parse(question.dataset.address)));
  }
  for (const around of part.querySelectorAll(".grid .row, .grid, .criteria, .form-section")) {
    const inside = [...around.querySelectorAll("[data-question]")];
    if (inside.length) around.toggleAttribute("data-unasked", inside.every((one) => "unasked" in one.dataset));
  }
}
