/** One notice at the top of the page: what happened, and what can be done about it. */

/** Show it; `actions` are [name, function] pairs. Without text it goes away. What is shown already
 * stays as it is, and the focus in it. */
export function notice(text, actions = [], tone = "") {
  const element = document.getElementById("notice");
  if (isShown(text)) return;
  element.hidden = !text;
  element.className = `notice ${tone}`;
  element.querySelector("p").textContent = text;
  const place = element.querySelector(".actions");
  place.replaceChildren();
  for (const [name, act] of actions) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "small";
    button.textContent = name;
    button.addEventListener("click", act);
    place.append(button);
  }
}

/** Whether this is what the notice says. */
export function isShown(text) {
  const element = document.getElementById("notice");
  return !element.hidden && element.querySelector("p").textContent === text;
}

/** What a server said, as a sentence. */
export const sentence = (text) => `${text[0].toUpperCase()}${text.slice(1).replace(/\.$/, "")}.`;

/** Go to a page by a form of ours, as pressing its button would. */
export function post(path) {
  const form = document.createElement("form");
  form.method = "post";
  form.action = path;
  const token = document.createElement("input");
  token.type = "hidden";
  token.name = "csrf";
  token.value = document.querySelector('meta[name="csrf"]').content;
  form.append(token);
  document.body.append(form);
  form.submit();
}
