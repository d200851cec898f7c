/** One notice at the top of the page: what happened, and what can be done about it. */

/** Show it; `actions` are [name, function] pairs. Without text it goes away. */
export function notice(text, actions = [], tone = "") {
  const element = document.getElementById("notice");
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
