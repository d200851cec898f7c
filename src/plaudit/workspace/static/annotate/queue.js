/** The page of a project's queue: the offer to take back what was submitted last. */

import { offer } from "./undo.js";

offer();
