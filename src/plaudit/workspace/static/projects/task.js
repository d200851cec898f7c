/** The managers' page of a task: turns are loaded when they are reached. */

import { Turns } from "../shared/turns.js";

new Turns(document.getElementById("conversation")).watch();
