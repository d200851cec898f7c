/** Texts that show nothing; the list of characters is that of core/common/blank_text.py. */

const INVISIBLE = new RegExp(
  "[\\x00-\\x08\\x0e-\\x1f\\x7f-\\x9f\\u00ad\\u034f\\u061c\\u115f\\u1160\\u17b4\\u17b5\\u180b-\\u180f" +
  "\\u200b-\\u200f\\u202a-\\u202e\\u2060-\\u206f\\u2800\\u3164\\ufe00-\\ufe0f\\ufeff\\uffa0\\ufff0-\\ufffb" +
  "\\u{1bca0}-\\u{1bca3}\\u{1d159}\\u{1d173}-\\u{1d17a}\\u{e0000}-\\u{e0fff}]", "gu");

/** Number of characters, without invisible ones and white space at the edges. */
export const visibleLength = (text) => [...text.replace(INVISIBLE, "").trim()].length;

export const isBlank = (text) => visibleLength(text) === 0;
