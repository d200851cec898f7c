/** Ask the server from a page: JSON in and out, with the page's form token. */

/** The server, or what stands before it, is away or busy for a while. */
const PASSING = [0, 429, 502, 503, 504];

/** A refusal by the server, or none at all: `status` is 0 where nothing was answered. */
export class Refused extends Error {
  constructor(status, body) {
    super(body.error ?? (status ? `The server answered with an error (${status})` : "The server cannot be reached."));
    this.status = status;
    this.code = body.code ?? (status ? "" : "offline");
    this.isPassing = PASSING.includes(status);
    this.pointer = body.pointer ?? "";
    this.body = body;
  }
}

const token = () => document.querySelector('meta[name="csrf"]').content;

/** The answer to a request; throws Refused. `signal` and `keepalive` are those of fetch. */
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
  const told = await answer.json().catch((error) => {
    if (error.name === "AbortError") throw error;
    return null;
  });
  if (!answer.ok) throw new Refused(answer.status, told ?? {});
  // An answer that broke off tells nothing.
  if (told === null) throw new Refused(0, {});
  return told;
}

/** What the page of a task says of it, as the server draws it now, or after a button's form was sent
 * to `path`; null where the answer is another page. Throws Refused.
 *
 * An XMLHttpRequest reads the answer as a document of its own, in which no script runs. */
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
