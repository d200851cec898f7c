/** Previews that the server renders from drafts, shortly after the last keystroke. */

import { draw } from "../shared/drawn.js";
import { t } from "../shared/texts.js";

const WAIT_MS = 250;

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
    /** Called with #drawn once what it holds is on the page. */
    this.onDrawn = () => {};
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
      this.state.textContent = message ? t("The preview waits until this is in order.") : "";
      if (!message) this.put(drawn);
    } catch (error) {
      this.state.textContent = error.message;
    }
  }

  put(drawn) {
    const scrolled = this.target.scrollTop;
    this.target.replaceChildren(...document.importNode(drawn, true).childNodes);
    for (const box of this.target.querySelectorAll("[data-why]")) box.hidden = false;
    this.onDrawn(drawn);
    this.target.scrollTop = scrolled;
  }
}
