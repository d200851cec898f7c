/** Previews that the server draws from what is being typed, a moment after the last keystroke. */

const WAIT_MS = 250;

/** Ask the server to draw; the element with id "drawn" of its answer. Rejects with a sentence.

    An XMLHttpRequest reads the answer as a document of its own, in which no script runs, so nothing
    has to be made HTML of here. */
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

/** Keeps an element showing what the server draws. `read` gives what is sent; `onFault(pointer,
    message)` is told what is wrong with it, or that nothing is, with an empty message. */
export class Preview {
  constructor(path, read, onFault) {
    this.path = path;
    this.read = read;
    this.onFault = onFault;
    this.place = document.getElementById("preview");
    this.state = document.getElementById("preview-state");
    this.timer = 0;
    this.stop = () => {};
  }

  /** Something was typed. */
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
    const scrolled = this.place.scrollTop;
    this.place.replaceChildren(...document.importNode(drawn, true).childNodes);
    for (const box of this.place.querySelectorAll("[data-why]")) box.hidden = false;
    this.place.scrollTop = scrolled;
  }
}
