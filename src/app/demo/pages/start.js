// The start page: the chat's contact decides what the timeline shows; suggestions put words into the chat.

import "./why.js";
import "./desk.js";

const main = document.querySelector("main");
const chat = document.querySelector("usher-chat");
const why = document.querySelector("usher-why");
const badge = document.getElementById("desk-count");

chat.addEventListener("usher-chat:contact", (event) => why.follow(event.detail.contactId));
if (chat.contactId) why.follow(chat.contactId);

function show(pane) {
  main.dataset.pane = pane;
  for (const tab of document.querySelectorAll(".tabs button")) {
    tab.setAttribute("aria-pressed", String(tab.value === pane));
  }
}

for (const tab of document.querySelectorAll(".tabs button")) {
  tab.addEventListener("click", () => show(tab.value));
}

for (const suggestion of document.querySelectorAll("button[data-say]")) {
  suggestion.addEventListener("click", () => {
    show("chat");
    document.getElementById("chat").scrollIntoView({ block: "nearest" });
    chat.say(suggestion.dataset.say);
  });
}

document.addEventListener("usher-desk:board", (event) => {
  badge.hidden = event.detail.waiting === 0;
  badge.textContent = event.detail.waiting;
});
