/** Skip, flag, give back, and the list of keys. */

import { leaveFor } from "../shared/kept_focus.js";
import { send } from "../shared/net.js";
import { announce } from "../shared/shell.js";
import { t } from "../shared/texts.js";

function open(dialog) {
  if (!dialog.open) dialog.showModal();
}

function bindClosing(dialog) {
  for (const button of dialog.querySelectorAll("[data-close]")) {
    button.addEventListener("click", () => dialog.close());
  }
}

/** Send what a dialog says; `leave` is called with where to go next. */
async function ask(dialog, path, body, leave) {
  const wrong = dialog.querySelector("[data-wrong]");
  wrong.hidden = true;
  try {
    leave(await send("POST", path, body));
  } catch (refused) {
    wrong.textContent = refused.message;
    wrong.hidden = false;
  }
}

export function bindDialogs(task, sync, journal) {
  const find = (id) => document.getElementById(id);
  const [skip, flag, help] = [find("skip"), find("flag"), find("help")];
  for (const dialog of [skip, flag, help]) bindClosing(dialog);
  for (const [id, dialog] of [["open-skip", skip], ["open-flag", flag], ["open-help", help]]) {
    find(id).addEventListener("click", () => open(dialog));
  }
  const away = async ({ next }) => {
    sync.stop();
    await journal?.forget();
    leaveFor(next ?? `/work/${task.project}`);
  };

  const reason = () => skip.querySelector("input[name=skip-reason]:checked")?.value;
  const hide = (isHidden) => document.body.classList.toggle("is-hidden-content", isHidden);
  skip.addEventListener("change", () => {
    const isHarmful = reason() === "harmful";
    hide(isHarmful);
    find("skip-report").hidden = !isHarmful;
  });
  skip.addEventListener("close", () => hide(false));
  skip.querySelector("[data-send]").addEventListener("click", () => {
    const wrong = skip.querySelector("[data-wrong]");
    if (!reason()) {
      wrong.textContent = t("Choose a reason.");
      wrong.hidden = false;
      return;
    }
    const isReport = reason() === "harmful" && find("skip-report-it").checked;
    const note = find("skip-note").value || null;
    const body = { lease_version: task.lease_version, reason: reason(), note, goes_on: true };
    ask(skip, `${sync.path}/${isReport ? "report" : "skip"}`, body, away);
  });

  flag.querySelector("[data-send]").addEventListener("click", () => {
    const note = find("flag-note").value || null;
    const body = { lease_version: task.lease_version, reason: "flagged", note };
    ask(flag, `${sync.path}/flag`, body, () => {
      flag.close();
      find("flag-note").value = "";
      announce(t("Flagged. A manager is told."));
      find("open-flag").firstChild.textContent = `${t("Flagged")} `;
    });
  });

  find("release").addEventListener("click", async () => {
    await sync.flush();
    try {
      await send("POST", `${sync.path}/release`, { lease_version: task.lease_version });
    } finally {
      leaveFor(`/work/${task.project}`);
    }
  });
  return { skip: () => open(skip), flag: () => open(flag), help: () => open(help) };
}
