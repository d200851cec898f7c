/** Previews that the server renders from drafts, shortly after the last keystroke. */

const WAIT_MS = 250;

/** POST a draft and resolve to the element #drawn of the response; rejects with a message.

    XMLHttpRequest parses the response into a separate document, in which no script runs, so this
    page never parses HTML from a string. */
function draw(path, body, stopping) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    stopping(() => request.abort());
    request.open("POST", path);
    request.responseType = "document";
    request.setRequestHeader("accept", "text/html");
    request.setRequestHeader("content-type", "application/json");
    request.setRequestHeader("x-csrf-token", document.querySelector('meta[name="csrf"]').content);
    request.onerror = () => reject(new Error("The server cannot be reached; the preview is an older one."));
    request.onload = () => {
      const drawn = request.status === 200 ? request.response?.getElementById("drawn") : null;
      if (drawn) resolve(drawn);
      else if (request.status === 401) reject(new Error("You are signed out; the preview is an older one."));
      else reject(new Error("The server could not draw this; the preview is an older one."));
    };
    request.send(JSON.stringify(body));
  });
}

/** Keeps #preview up to date. `read()` returns the draft; `onFault(pointer, message)` is called with
    the draft's error, or with an empty message. */
export class Preview {
  constructor(path, read, onFault) {
    this.path = path;
    this.read = read;
    this.onFault = onFault;
    this.target = document.getElementById("preview");
    this.state = document.getElementById("preview-state");
    this.timer = 0;
    this.stop = () => {};
  }

  /** Schedule an update after a keystroke. */
  touch() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.show(), WAIT_MS);
  }

  async show() {
    this.stop();
    try {
      const drawn = await draw(this.path, this.read(), (stop) => { this.stop = stop; });
      const { pointer = "", message = "" } = drawn.dataset;
      this.onFault(pointer, message);
      this.state.textContent = message ? "The preview waits until this is in order." : "";
      if (!message) this.put(drawn);
    } catch (error) {
      this.state.textContent = error.message;
    }
  }

  put(drawn) {
    const scrolled = this.target.scrollTop;
    this.target.replaceChildren(...document.importNode(drawn, true).childNodes);
    for (const box of this.target.querySelectorAll("[data-why]")) box.hidden = false;
    this.target.scrollTop = scrolled;
  }
}
