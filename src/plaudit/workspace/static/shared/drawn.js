/** What the server draws of a draft. */

import { t } from "./texts.js";

/** POST a draft and resolve to the element #drawn of the response; rejects with a message.

    XMLHttpRequest parses the response into a separate document, in which no script runs, so this
    page never parses HTML from a string. */
export function draw(path, body, stopping) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    stopping(() => request.abort());
    request.open("POST", path);
    request.responseType = "document";
    request.setRequestHeader("accept", "text/html");
    request.setRequestHeader("content-type", "application/json");
    request.setRequestHeader("x-csrf-token", document.querySelector('meta[name="csrf"]').content);
    request.onerror = () => reject(new Error(t("The server cannot be reached; the preview is an older one.")));
    request.onload = () => {
      const drawn = request.status === 200 ? request.response?.getElementById("drawn") : null;
      if (drawn) resolve(drawn);
      else if (request.status === 401) reject(new Error(t("You are signed out; the preview is an older one.")));
      else reject(new Error(t("The server could not draw this; the preview is an older one.")));
    };
    request.send(JSON.stringify(body));
  });
}
