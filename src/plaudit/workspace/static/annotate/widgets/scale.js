/** Which of two responses is better: what follows from it, and whether it fits the ratings. */

import { bind as bindChoice } from "./choice.js";
import { t } from "../../shared/texts.js";

/** The values in the order of the screen: the first ones are for the first response, whether they are
 * the low or the high ones. */
const valuesOf = (element) =>
  [...element.querySelectorAll("input[value], option[value]:not([value=''])")].map((box) => Number(box.value));

export function bind(element, store) {
  const address = JSON.parse(element.dataset.address);
  const showChoice = bindChoice(element, store);
  const chosen = element.querySelector("[data-chosen]");
  const warning = element.querySelector("[data-contradiction]");
  const values = valuesOf(element);
  let kept = null;

  element.querySelector("[data-keep]").addEventListener("click", () => {
    kept = store.get(address).value;
    warning.hidden = true;
    element.querySelector("input:checked")?.focus();
  });

  /** -1 if the first response is preferred, 1 if the second is, 0 for neither; null if not said. */
  function side(value) {
    const at = values.indexOf(value);
    return at < 0 ? null : Math.sign(2 * at - (values.length - 1));
  }

  function overall(position) {
    const found = store.get({ at: address.at, position, key: "overall" }).value;
    return typeof found === "number" ? found : null;
  }

  function warn(value) {
    const given = side(value);
    const [one, two] = [overall(1), overall(2)];
    const isOdd = given !== null && one !== null && two !== null &&
      (given !== 0 ? Math.sign(two - one) === -given : Math.abs(two - one) > 1);
    warning.hidden = !isOdd || kept === value;
    if (isOdd) {
      warning.querySelector("p").textContent =
        t("You gave Response 1 %(one)s and Response 2 %(two)s overall, which does not fit this preference.", { one, two });
    }
  }

  function show() {
    showChoice();
    const { value, not_applicable: isNotComparable } = store.get(address);
    const given = side(value);
    chosen.textContent =
      isNotComparable ? t("Not comparable")
        : given === null ? ""
          : given === 0 ? t("A tie: neither is preferred")
            : t("Preferred: Response %(number)s", { number: given < 0 ? 1 : 2 });
    warn(value);
  }
  store.subscribe(({ address: changed }) => { if (changed?.key === "overall") warn(store.get(address).value); });
  return show;
}

/** Lean to one response from the keyboard: first "better", then to the end, then back to "slightly". */
export function lean(element, store, direction) {
  const address = JSON.parse(element.dataset.address);
  const values = valuesOf(element);
  const middle = (values.length - 1) / 2;
  if (direction === 0) {
    if (Number.isInteger(middle)) store.set(address, { value: values[middle] });
    return;
  }
  // From the middle outwards on the wanted side.
  const ways = direction < 0
    ? values.filter((_, at) => at < middle).reverse()
    : values.filter((_, at) => at > middle);
  const at = ways.indexOf(store.get(address).value);
  const next = at < 0 ? Math.min(1, ways.length - 1) : (at + 1) % ways.length;
  store.set(address, { value: ways[next] });
}
