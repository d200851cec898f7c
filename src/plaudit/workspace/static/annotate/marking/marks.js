/** Marks drawn in a text: elements around the pieces, which name their labels where each begins. */

/** Draw marks, each `{ranges, label, id}` with visible ranges of the view, in the place of those before. Text
 * nodes are divided by that, which is told by an event `marked`. */
export function drawMarks(view, marks) {
  for (const one of view.element.querySelectorAll("mark[data-marks]")) one.replaceWith(...one.childNodes);
  view.element.normalize();
  const all = marks.flatMap(({ ranges, ...rest }) => ranges.map(([from, to], number) => ({ from, to, isFirst: number === 0, ...rest })));
  const edges = [...new Set(all.flatMap(({ from, to }) => [from, to]))].sort((a, b) => a - b);
  const pieces = edges.slice(1).map((to, number) => {
    const from = edges[number];
    return { from, to, over: all.filter((one) => one.from < to && one.to > from) };
  }).filter(({ over }) => over.length);
  const named = new Set();
  let at = 0;
  for (const node of view.nodes()) {
    const [start, end] = [at, at + node.length];
    at = end;
    // From the end: what is cut off there leaves the node with its beginning.
    for (const piece of pieces.filter(({ from, to }) => from < end && to > start).reverse()) {
      wrap(node, Math.max(piece.from, start) - start, Math.min(piece.to, end) - start, piece, named);
    }
  }
  view.element.dispatchEvent(new Event("marked", { bubbles: true }));
}

function wrap(node, from, to, { from: begin, over }, named) {
  const formula = node.parentElement.closest("math");
  if (formula?.parentElement.matches("mark")) return;
  const mark = document.createElement("mark");
  mark.dataset.marks = over.map(({ id }) => id).join(" ");
  mark.title = over.map(({ label }) => label).join(", ");
  mark.dataset.depth = Math.min(over.length, 3);
  const starting = over.filter((one) => one.isFirst && one.from === begin && !named.has(one));
  if (starting.length) mark.dataset.starts = starting.map(({ label }) => label).join(", ");
  for (const one of starting) named.add(one);
  if (formula) {
    formula.before(mark);
    mark.append(formula);
    return;
  }
  const range = document.createRange();
  range.setStart(node, from);
  range.setEnd(node, to);
  range.surroundContents(mark);
}
