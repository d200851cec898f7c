/** Meanings of a key press on any keyboard layout, with Caps Lock, and with Option (macOS) or AltGr. */

/** Characters of a US keyboard, by the code of the key, as far as they are no letters. */
const PLAIN = { BracketLeft: "[", BracketRight: "]", Equal: "=", Slash: "/" };
const SHIFTED = { Digit2: "@", Slash: "?" };

/** True while the press belongs to an input method; Safari marks the one that ends it by 229 alone. */
export const isComposing = (event) => event.isComposing || event.keyCode === 229;

const isAltGraph = (event) => event.getModifierState("AltGraph");

/** True with Ctrl or Command. AltGr, which Windows reports as Ctrl and Alt, is neither. */
export const isCommand = (event) => (event.ctrlKey || event.metaKey) && !isAltGraph(event);

const isAlt = (event) => event.altKey && !isAltGraph(event);

/** True for a letter of another script than Latin; some keys make two of them. */
const isForeign = (key) => /^[\p{L}\p{M}]+$/u.test(key) && !/\p{Script=Latin}/u.test(key);

/** The character that the key has on a US keyboard; undefined for one that is not needed. */
function latin({ code = "", shiftKey }) {
  const letter = /^Key([A-Z])$/.exec(code);
  if (letter) return letter[1].toLowerCase();
  return (shiftKey ? SHIFTED : PLAIN)[code];
}

/** The characters that a press may mean, the likeliest first; none for a command or a named key.
 *
 * What the key says comes first, in either case. Where that is no Latin letter, the place of the key
 * decides. With Alt alone a press means a character only if that is a sign which Option makes. */
export function charsOf(event) {
  const { key } = event;
  if (isCommand(event) || ([...key].length !== 1 && !isForeign(key))) return [];
  const isLetter = /\p{L}/u.test(key);
  const place = latin(event);
  if (isAlt(event)) return isLetter || /\p{N}/u.test(key) || key === place ? [] : [key];
  const found = [key];
  if (isLetter) found.push(key.toLowerCase(), key.toUpperCase());
  const isSecond = event.code === "Digit2" && event.shiftKey && !isLetter;
  if (place !== undefined && (isForeign(key) || isSecond)) found.push(place);
  return found;
}

/** The digit of a press, null if it means none. A key of the row of digits that says something else
 * without Shift, as on French keyboards, stands for its digit. */
export function digitOf(event) {
  const { key, code = "", shiftKey } = event;
  if (isCommand(event) || isAlt(event) || [...key].length !== 1) return null;
  if (/^[0-9]$/.test(key)) return Number(key);
  const row = /^Digit([0-9])$/.exec(code);
  return row && !shiftKey && !isAltGraph(event) && !/^[a-z]$/i.test(key) ? Number(row[1]) : null;
}

/** True for Ctrl or Command with a letter, on any layout. */
export const isCommandOf = (event, letter) =>
  isCommand(event) && (event.key.toLowerCase() === letter ||
    (isForeign(event.key) && latin(event) === letter));
