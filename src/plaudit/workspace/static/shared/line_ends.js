/** Line ends: a text area holds each as LF alone, whatever the text itself has. */

const kindOf = (text) => text.match(/\r\n?|\n/)?.[0] ?? "\n";

/** The text as a text area holds it. */
export const asTyped = (text) => text.replace(/\r\n?/g, "\n");

/** The index in `text` of an index in `asTyped(text)`. */
export function exactIndex(text, typedIndex) {
  let at = typedIndex;
  for (const end of text.matchAll(/\r\n/g)) {
    if (end.index >= at) break;
    at += 1;
  }
  return at;
}

/** What was made of `original` in a text area, with the line ends of the original: where the two agree
 * at the beginning and at the end, its own; between, those of its first line. */
export function inLineEndsOf(original, typed) {
  if (!original.includes("\r")) return typed;
  const plain = asTyped(original);
  const shorter = Math.min(plain.length, typed.length);
  let start = 0;
  while (start < shorter && plain[start] === typed[start]) start += 1;
  let end = 0;
  while (end < shorter - start && plain.at(-1 - end) === typed.at(-1 - end)) end += 1;
  const between = typed.slice(start, typed.length - end).replaceAll("\n", kindOf(original));
  const exact = original.slice(0, exactIndex(original, start)) + between
    + original.slice(exactIndex(original, plain.length - end));
  // Where the pieces meet, a lone CR and a LF would be one line end.
  return asTyped(exact) === typed ? exact : typed;
}
