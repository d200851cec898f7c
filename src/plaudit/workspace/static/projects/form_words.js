/** Questions of a form in plain words: what each asks, and when. */

import { t } from "../shared/texts.js";

const LISTED = 6;

const quoted = (title) => t("“%(title)s”", { title });

/** What a question is about, as the object of a sentence. */
function aboutOf({ level, applies_to: role }) {
  if (level === "message" && role && role !== "assistant") {
    return { user: t("each message of the user"), system: t("each system message"), function: t("each result of a tool") }[role];
  }
  return {
    message: t("each response"), turn: t("the turn"), thread: t("the whole conversation"), chunk: t("each step"), criterion: t("each criterion"),
  }[level];
}

/** How several answers become one. */
export function ruleWords(name) {
  return { majority: t("majority"), median: t("median"), first: t("the first answer"), all: t("all answers") }[name] ?? name;
}

/** A value of a question as people read it: by its label, if it has one. */
export function valueWords(field, value) {
  const values = valuesOf(field);
  const label = field.labels?.length === values.length ? field.labels[values.indexOf(value)] : undefined;
  if (label) return label;
  if (value === true) return t("Yes");
  if (value === false) return t("No");
  return String(value);
}

/** The values that a question can have, as far as they can be listed. */
export function valuesOf({ type, possible_values: possible, scale }) {
  if (possible?.length) return possible;
  if (type === "boolean") return [true, false];
  return scale ? [1, 2, 3, 4, 5, 6, 7] : [];
}

function listed(field) {
  const values = valuesOf(field);
  const words = values.slice(0, LISTED).map((value) => valueWords(field, value)).join(", ");
  return values.length > LISTED ? `${words}, …` : words;
}

/** A question in one sentence: "Rate each response from 1 to 5". */
export function sentenceOf(field) {
  const about = aboutOf(field);
  const values = valuesOf(field);
  const hasValues = values.length > 0;
  const ends = { about, first: values[0], last: values.at(-1) };
  switch (field.type) {
    case "integer":
      if (field.scale) return t("Say which of two responses is better, from %(first)s to %(last)s", ends);
      return hasValues ? t("Rate %(about)s from %(first)s to %(last)s", ends) : t("Give a whole number for %(about)s", { about });
    case "boolean":
      return t("Say yes or no about %(about)s", { about });
    case "category":
      if (hasValues) return t("Choose one for %(about)s: %(values)s", { about, values: listed(field) });
      return field.level === "turn" ? t("Pick the best response") : t("Write a short answer about %(about)s", { about });
    case "category_multiple":
      if (hasValues) return t("Choose any for %(about)s: %(values)s", { about, values: listed(field) });
      return field.level === "turn" ? t("Pick any of the responses") : t("Write short answers about %(about)s", { about });
    case "text":
      if (field.use === "rewrite") return t("Rewrite %(about)s", { about });
      if (field.use === "response") return t("Write the response that is missing");
      return t("Write a text about %(about)s", { about });
    case "labeled_text":
      return t("Mark passages of %(about)s", { about });
    case "ranked_choices":
      return t("Put the responses in order");
    case "ranked_groups":
      return t("Put the responses in order, with ties");
    case "rubric_rating":
      return t("Give %(about)s a score, and a reason", { about });
    default:
      return t("Nobody is asked this; programs and imports bring it");
  }
}

/** The question that a condition of `field` names, among `fields`; undefined if it is not there. */
export function sourceOf({ key, level }, field, fields) {
  return fields.find((one) => one.key === key && one.level === (level ?? field.level));
}

/** When a question is asked, in words; `source` is the question that its condition names, undefined if the
 * form has it not. */
export function conditionWords(condition, source) {
  const title = quoted(source?.title || condition.key);
  const values = [condition.value].flat().map((value) => (source ? valueWords(source, value) : String(value))).join(", ");
  switch (condition.operator) {
    case "is":
      return t("only if %(title)s is %(values)s", { title, values });
    case "is_not":
      return t("only if %(title)s is not %(values)s", { title, values });
    case "at_least":
      return t("only if %(title)s is %(values)s or more", { title, values });
    case "at_most":
      return t("only if %(title)s is %(values)s or less", { title, values });
    default:
      return t("only if %(title)s is answered", { title });
  }
}
