/** All questions of a page, those included that are not drawn yet; see question_index.py. */

/** `addresses` in order, those that are `required`, and by a turn's or thread's path the number of
 * the section in which it is drawn. */
export function readQuestions({ shapes, places }) {
  const addresses = [];
  const required = [];
  const sections = new Map();
  for (const [at, shape, section] of places) {
    sections.set(at, section);
    for (const { required: isRequired, ...rest } of shapes[shape]) {
      const address = { at, ...rest };
      addresses.push(address);
      if (isRequired) required.push(address);
    }
  }
  return { addresses, required, sections };
}
