/** JSON requests of a page to the server, with the page's CSRF token. */

import { t } from "./texts.js";

/** Statuses of temporary failures of the server or a proxy; 0 means no response. */
const PASSING = [0, 429, 502, 503, 504];

/** Error response of the server; `status` is 0 where there was no response. */
export class Refused extends Error {
  constructor(status, body) {
    super(body.error ?? (status ? t("The server answered with an error (%(status)s)", { status }) : t("The server cannot be reached.")));
    this.status = status;
    this.code = body.code ?? (status ? "" : "offline");
    this.isPassing = PASSING.includes(status);
    this.pointer = body.pointer ?? "";
    this.body = body;
  }
}

const token = () => document.querySelector('meta[name="csrf"]').content;

/** Send JSON and return the decoded response; throws Refused. `signal`, `keepalive` as in fetch. */
export async function send(method, path, body, { signal, keepalive } = {}) {
  const headers = { accept: "application/json" };
  if (method !== "GET") {
    headers["content-type"] = "application/json";
    headers["x-csrf-token"] = token();
  }
  let answer;
  try {
    answer = await fetch(path, {
      method,
      headers,
      body: method === "GET" ? undefined : JSON.stringify(body ?? {}),
      credentials: "same-origin",
      redirect: "error",
      signal,
      keepalive,
    });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Refused(0, {});
  }
  const decoded = await answer.json().catch((error) => {
    if (error.name === "AbortError") throw error;
    return null;
  });
  if (!answer.ok) throw new Refused(answer.status, decoded ?? {});
  // The response was cut off.
  if (decoded === null) throw new Refused(0, {});
  return decoded;
}

/** Load a task's page, or POST to `path`, and return the data of the task on the page in response;
 * null for another page. Throws Refused.
 *
 * XMLHttpRequest parses the response into a separate document, in which no script runs. */
export function taskAt(path, method = "GET") {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open(method, path);
    request.responseType = "document";
    request.onerror = () => reject(new Refused(0, {}));
    request.onload = () => {
      const { status } = request;
      if (status === 401) reject(new Refused(status, { code: "signed_out" }));
      else if (status >= 500 || status === 429) reject(new Refused(status, {}));
      else resolve(JSON.parse(request.response?.getElementById("task")?.dataset.task ?? "null"));
    };
    request.send(method === "GET" ? null : new URLSearchParams({ csrf: token() }));
  });
}
