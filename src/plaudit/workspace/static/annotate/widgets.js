/** Bind the questions of a page to its store, each by the script of its widget: widgets/NAME.js.
 *
 * Such a script exports `bind(element, store, text)`, which returns what draws the stored answer.
 * `text` is the exact text that is marked or rewritten, "" for other widgets. */

/** The functions that draw the questions, in their order. */
export async function bindWidgets(elements, store, texts) {
  const names = [...new Set(elements.map((element) => element.dataset.widget))];
  const loaded = await Promise.all(names.map((name) => import(`./widgets/${name}.js`)));
  const widgets = new Map(names.map((name, number) => [name, loaded[number]]));
  return elements.map((element) =>
    widgets.get(element.dataset.widget).bind(element, store, texts[element.dataset.text] ?? ""));
}
