/** Texts of scripts in the page's language. The page brings the translations that its scripts need
 * in #texts, if it is not in English (workspace/http/script_texts.py; docs/translating.md). */

const element = document.getElementById("texts");
const { texts, categories } =
  element === null ? { texts: {}, categories: ["one", "other"] } : JSON.parse(element.textContent);
const locale = document.documentElement.lang;
const rules = new Intl.PluralRules(locale);

const fill = (text, values) => text.replace(/%\((\w+)\)s/g, (whole, name) => values[name] ?? whole);

/** Text in the page's language, with values for its %(name)s. */
export function t(text, values = {}) {
  return fill(texts[text] ?? text, values);
}

/** Text with a number, which is its %(count)s. */
export function tn(one, many, count, values = {}) {
  const form = categories.indexOf(rules.select(count));
  const forms = texts[one] ?? [one, many];
  return fill(forms.at(form), { count: count.toLocaleString(locale), ...values });
}
