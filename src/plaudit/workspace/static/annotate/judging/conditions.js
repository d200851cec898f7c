/** Follow the answers: show which questions are asked, and tell what is asked now or no more. */

import { announce } from "../../shared/shell.js";
import { isShown, notice } from "../notice.js";
import { t } from "../../shared/texts.js";
import { showAsked } from "./asked.js";

/** Follow the store: show what is asked, and tell what is asked now or no more. `titles()` are those of
 * the questions by their keys. */
export function bindConditions(root, store, titles) {
  if (!store.hasConditions) return;
  let before = store.askedKeys();
  let told = "";
  store.subscribe(({ isOwn }) => {
    const now = store.askedKeys();
    const [came, went] = [[...now].filter((key) => !before.has(key)), [...before].filter((key) => !now.has(key))];
    before = now;
    if (!came.length && !went.length) return;
    showAsked(root, store);
    if (!isOwn) return;
    const named = titles();
    const names = (keys) => [...new Set(keys.map((key) => named.get(key)).filter(Boolean))].join(", ");
    if (told && isShown(told)) notice("");
    const kept = names(went.filter((key) => store.holds(key)));
    told = kept && t("Not asked any more: %(names)s. What you answered there is set aside, and is not submitted.", { names: kept });
    if (told) notice(told, [[t("Close"), () => notice("")]]);
    else if (names(came)) announce(t("Now asked: %(names)s", { names: names(came) }));
  });
  showAsked(root, store);
}
