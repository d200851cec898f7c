/** What changed between two texts, word by word, as far as that can be found in little time. */

const STEPS_MAX = 4_000_000;
const WORD = /\s+|[\p{L}\p{N}_]+|[^\s\p{L}\p{N}_]/gu;

/** [[kind, text], …] with kind "same", "del" or "ins". */
export function changes(before, after) {
  const [old, now] = [before.match(WORD) ?? [], after.match(WORD) ?? []];
  let start = 0;
  while (start < Math.min(old.length, now.length) && old[start] === now[start]) start += 1;
  let end = 0;
  while (end < Math.min(old.length, now.length) - start && old.at(-1 - end) === now.at(-1 - end)) end += 1;
  const a = old.slice(start, old.length - end);
  const b = now.slice(start, now.length - end);
  const found = [["same", old.slice(0, start).join("")]];
  if (a.length * b.length > STEPS_MAX) found.push(["del", a.join("")], ["ins", b.join("")]);
  else found.push(...longest(a, b));
  found.push(["same", old.slice(old.length - end).join("")]);
  return joined(found);
}

/** How much of the longer text changed, 0 to 1, counted in characters. */
export function ratio(found) {
  const sum = (kind) => found.filter(([one]) => one === kind).reduce((n, [, text]) => n + text.length, 0);
  const [same, gone, added] = [sum("same"), sum("del"), sum("ins")];
  return same + gone + added === 0 ? 0 : Math.max(gone, added) / (same + Math.max(gone, added));
}

/** Put changes into an element as text with <del> and <ins>. */
export function draw(element, found) {
  element.replaceChildren(...found.map(([kind, text]) => {
    if (kind === "same") return document.createTextNode(text);
    const piece = document.createElement(kind);
    piece.textContent = text;
    return piece;
  }));
}

function longest(a, b) {
  const width = b.length + 1;
  const table = new Uint32Array((a.length + 1) * width);
  for (let i = a.length - 1; i >= 0; i -= 1) {
    for (let j = b.length - 1; j >= 0; j -= 1) {
      table[i * width + j] = a[i] === b[j]
        ? table[(i + 1) * width + j + 1] + 1
        : Math.max(table[(i + 1) * width + j], table[i * width + j + 1]);
    }
  }
  const found = [];
  let [i, j] = [0, 0];
  while (i < a.length || j < b.length) {
    if (i < a.length && j < b.length && a[i] === b[j]) { found.push(["same", a[i]]); i += 1; j += 1; }
    else if (j >= b.length || (i < a.length && table[(i + 1) * width + j] >= table[i * width + j + 1])) { found.push(["del", a[i]]); i += 1; }
    else { found.push(["ins", b[j]]); j += 1; }
  }
  return found;
}

function joined(found) {
  const whole = [];
  for (const [kind, text] of found) {
    if (!text) continue;
    if (whole.at(-1)?.[0] === kind) whole.at(-1)[1] += text;
    else whole.push([kind, text]);
  }
  return whole;
}
