/** An answer written from nothing: a text in a wide box. */

export { bind } from "./text.js";
