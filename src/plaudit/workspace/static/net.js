/** Ask the server from a page: JSON in and out, with the page's form token. */

/** A refusal by the server, or none at all: `status` is 0 where nothing was answered. */
export class Refused extends Error {
  constructor(status, body) {
    super(body.error ?? "The server cannot be reached.");
    this.status = status;
    this.code = body.code ?? "offline";
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
  const told = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Refused(answer.status, told);
  return told;
}
