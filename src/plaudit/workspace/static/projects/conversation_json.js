/** A typed conversation and its JSON: what was said before, a prompt, instructions, responses. */

const message = (role, source_id, text) => ({ role, source_id, content: { text } });

/** Give messages of a turn names that differ: user, user_2, … */
function named(messages) {
  const counts = {};
  return messages.map(({ role, text }) => {
    counts[role] = (counts[role] ?? 0) + 1;
    return message(role, counts[role] === 1 ? role : `${role}_${counts[role]}`, text);
  });
}

/** The threads of `{earlier, system, prompt, responses}`; a turn ends before the next message of the user. */
export function threadsOf({ earlier, system, prompt, responses }) {
  const turns = [[]];
  const said = [...earlier, { role: "user", text: prompt }].filter(({ text }) => text.trim());
  if (system.trim()) turns[0].push({ role: "system", text: system });
  for (const one of said) {
    if (one.role === "user" && turns.at(-1).some(({ role }) => role === "assistant")) turns.push([]);
    turns.at(-1).push(one);
  }
  const threads = turns.map((messages, number) => ({ id: `turn_${number}`, messages: named(messages) }));
  const judged = responses.filter((text) => text.trim());
  threads.at(-1).messages.push(...judged.map((text, number) => message("assistant", `response_${number + 1}`, text)));
  return [{ id: "thread_0", turns: threads }];
}

/** The fields of a conversation; null if they cannot show all of it. */
export function fieldsOf(threads) {
  if (!Array.isArray(threads) || threads.length !== 1 || !Array.isArray(threads[0]?.turns)) return null;
  const found = { earlier: [], system: "", prompt: "", responses: [] };
  const turns = threads[0].turns.map((turn) => turn?.messages ?? []);
  const isText = (one) => typeof one?.content?.text === "string";
  if (!turns.every((messages) => Array.isArray(messages) && messages.every(isText))) return null;
  for (const [number, messages] of turns.entries()) {
    for (const { role, content } of messages) {
      const { text } = content;
      const isLast = number === turns.length - 1;
      if (role === "system") found.system = text;
      else if (isLast && role === "assistant") found.responses.push(text);
      else found.earlier.push({ role, text });
    }
  }
  const last = found.earlier.findLastIndex(({ role }) => role === "user");
  if (last < 0) return null;
  found.prompt = found.earlier.splice(last, 1)[0].text;
  return isSame(threadsOf(found), threads) ? found : null;
}

/** Whether two values are the same JSON, whatever the order of their members. */
function isSame(one, other) {
  if (typeof one !== "object" || one === null || typeof other !== "object" || other === null) return one === other;
  const [names, others] = [Object.keys(one), Object.keys(other)];
  return names.length === others.length && names.every((name) => isSame(one[name], other[name]));
}
