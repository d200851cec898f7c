/** Live preview of the guidelines. */

import { Preview } from "./preview.js";

const text = document.getElementById("guidelines");
const preview = new Preview(text.form.dataset.preview, () => ({ text: text.value }), () => {});
text.addEventListener("input", () => preview.touch());
