/** Read the invitation token from the URL fragment, which browsers do not send, and show its user. */

import { send } from "../shared/net.js";
import { t } from "../shared/texts.js";

const token = document.getElementById("token");
const lead = document.getElementById("welcome-lead");

async function begin() {
  const fragment = location.hash.slice(1);
  if (fragment) token.value = fragment;
  if (!token.value) return;
  document.getElementById("token-field").hidden = true;
  try {
    const person = await send("POST", "/welcome/look", { token: token.value.split("#").pop() });
    document.getElementById("welcome-title").textContent = person.is_known
      ? t("Choose a new password")
      : t("Welcome to %(organization)s", { organization: person.organization });
    lead.textContent = person.is_known
      ? t("You are signed out everywhere else when you do.")
      : t("Choose a password to begin.");
    document.getElementById("email").value = person.email;
    document.getElementById("email-field").hidden = false;
    const name = document.getElementById("name");
    if (!name.value) name.value = person.name ?? "";
  } catch (error) {
    lead.textContent = error.code === "invalid_content"
      ? t("This invitation has been used, replaced or taken back, or is older than a week. Ask an admin for a new link.")
      : error.message;
    lead.className = "notice bad";
    lead.setAttribute("role", "alert");
    document.getElementById("welcome-form").hidden = error.code === "invalid_content";
  }
}

begin();
