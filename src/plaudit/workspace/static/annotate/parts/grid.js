/** What the rating grid does beside its controls: boxes that ask why, rubric scores, wrong steps. */

import { t } from "../../shared/texts.js";

const positionOf = (element) => JSON.parse(element.dataset.address).position ?? null;

/** A box that asks why opens when the value beside it is low, or when it holds something. */
export function bindWhys(root, store) {
  for (const why of root.querySelectorAll("[data-why]")) {
    if ("conditional" in why.dataset) { // its own condition says when it is asked
      why.hidden = false;
      continue;
    }
    const row = why.closest(".row");
    const cell = [...row.querySelectorAll(".cell")].find((one) => positionOf(one) === positionOf(why));
    const address = JSON.parse(why.dataset.address);
    const show = () => {
      const value = cell && store.get(JSON.parse(cell.dataset.address)).value;
      const limit = Number(cell?.dataset.opensAt ?? NaN);
      const isLow = value !== undefined && Number(value) <= limit;
      why.hidden = !isLow && !store.isAnswered(address) && !why.contains(document.activeElement);
    };
    store.subscribe(show);
    show();
  }
}

/** The score of each response by the rubric: the sum of score times weight. */
export function bindScores(root, store) {
  for (const criteria of root.querySelectorAll("[data-criteria]")) {
    const told = criteria.querySelector("[data-scores]");
    const show = () => {
      const sums = new Map();
      let most = 0;
      for (const row of criteria.querySelectorAll(".row")) {
        const weight = Number(row.dataset.weight ?? 1);
        if (weight > 0) most += weight;
        for (const cell of row.querySelectorAll(".cell")) {
          const address = JSON.parse(cell.dataset.address);
          const { value } = store.isAsked(address) ? store.get(address) : {};
          const score = typeof value === "object" && value !== null ? value.score : Number(value ?? NaN);
          if (!Number.isFinite(score)) continue;
          sums.set(positionOf(cell), (sums.get(positionOf(cell)) ?? 0) + score * weight);
        }
      }
      told.textContent = [...sums].sort(([a], [b]) => a - b)
        .map(([position, sum]) => t("Response %(number)s: %(sum)s of %(most)s", { number: position, sum: Math.round(sum * 100) / 100, most })).join(" · ");
    };
    store.subscribe(show);
    show();
  }
}

/** Of each response's steps, the first that is incorrect is to be put right. */
export function bindSteps(root, store) {
  for (const list of root.querySelectorAll(".steps")) {
    const steps = [...list.children].map((item) => ({
      verdict: item.querySelector('[data-question="choice"]'),
      text: item.querySelector('[data-question="text"]'),
    }));
    const show = () => {
      let isFirst = true;
      for (const { verdict, text } of steps) {
        if (!verdict || !text) continue;
        const address = JSON.parse(verdict.dataset.address);
        const isWrong = store.isAsked(address) && store.get(address).value === "incorrect";
        const isWanted = isWrong && isFirst;
        if (isWrong) isFirst = false;
        text.hidden = !isWanted && !store.isAnswered(JSON.parse(text.dataset.address)) && !text.contains(document.activeElement);
        text.toggleAttribute("data-demanded", isWanted);
        text.classList.toggle("is-demanded", isWanted);
      }
    };
    store.subscribe(show);
    show();
  }
}
