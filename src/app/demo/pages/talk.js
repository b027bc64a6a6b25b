// A contact's conversation as a list that only grows, and a box to write into it.

import { atEnd, clockTime, dayTime, h, listen, newId, t, text, toEnd } from "./dom.js";

const TYPING_SHOWN = 4000;
const TYPING_TOLD_EVERY = 2500;

function contentText(content) {
  switch (content.kind) {
    case "text": return content.text;
    case "quickReplies": return [content.title, content.replies.map((it) => `[${it}]`).join(" ")].filter(Boolean).join("\n");
    case "card": return [content.title, content.subtitle, content.buttons.map((it) => `[${it.text}]`).join(" ")].filter(Boolean).join("\n");
    case "image": return `${t("image")}: ${content.description || content.uri}`;
    default: return t("payload");
  }
}

function stateText(entry) {
  switch (entry.state) {
    case "connecting": return t("state-connecting");
    case "bot": return entry.after ? t(`state-bot-${entry.after}`) : t("state-bot");
    case "waiting": return t("state-waiting", { queue: entry.queueName });
    case "person": return t("state-person", { name: entry.name });
    default: return t(`state-ended-${entry.by}`);
  }
}

/** Follows one contact at a time. */
export class Conversation {
  #stop = () => {};
  #last = 0;
  #timer;

  /** `whose`: "customer" or "person", who sits in front of it. */
  constructor(whose, label) {
    this.whose = whose;
    this.list = h("div", { class: "said", role: "log", "aria-label": label, tabindex: "0" });
    this.typing = h("p", { class: "typing" });
    this.onState = () => {};
  }

  follow(url) {
    this.stop();
    this.#last = 0;
    this.list.replaceChildren();
    text(this.typing, "");
    this.#stop = listen(url, { message: (data) => this.#take(data) });
  }

  stop() {
    this.#stop();
    this.#stop = () => {};
    clearTimeout(this.#timer);
  }

  #take(data) {
    if (data.seq === undefined) {
      if (data.type === "typing" && data.from !== this.whose) this.#shown(data.from);
      return;
    }
    if (data.seq <= this.#last) return;
    this.#last = data.seq;
    const item = this.#item(data);
    if (data.type === "state") this.onState(data);
    if (!item) return;
    if (data.from !== this.whose) text(this.typing, "");
    const follow = atEnd(this.list) || data.from === this.whose;
    this.list.append(item);
    if (follow) toEnd(this.list);
  }

  #item(entry) {
    const at = { title: clockTime(entry.at) };
    switch (entry.type) {
      case "message": {
        const who = entry.name ?? t(`from-${entry.from}`);
        return h("div", { class: entry.from === this.whose ? "person" : entry.from, ...at },
          h("b", {}, who), entry.content.map(contentText).join("\n"));
      }
      case "state": return h("div", { class: "state", ...at }, stateText(entry));
      case "push": return h("div", { class: "state", ...at }, t("pushed", { url: entry.url }));
      case "callback": return h("div", { class: "state", ...at }, t("callback-booked", { phone: entry.phone, due: dayTime(entry.due) }));
      default: return null;
    }
  }

  #shown(from) {
    text(this.typing, t("typing", { who: t(`from-${from}`) }));
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => text(this.typing, ""), TYPING_SHOWN);
  }
}

/** A box with a button. What could not be sent stays in it, and goes again under the same id. */
export function composer(label, { send, typing = () => {} }) {
  let pending = null, told = 0, busy = false, talk = 0;
  const box = h("textarea", { rows: "2", maxlength: "4000", "aria-label": label, placeholder: label });
  const fault = h("p", { class: "fault-line", role: "alert" });
  const go = async () => {
    const said = box.value.trim();
    if (!said || busy) return;
    if (pending?.text !== said) pending = { id: newId(), text: said };
    const message = pending, where = talk;
    busy = true;
    box.value = "";
    try {
      await send(message);
      if (where === talk) {
        pending = null;
        text(fault, "");
      }
    } catch (error) {
      // It comes back where it was written, unless something else is there by now.
      if (where === talk) {
        if (!box.value) box.value = said;
        text(fault, error.message);
      }
    } finally {
      if (where === talk) busy = false;
    }
  };
  /** For another contact: what was under way belongs to the one before. */
  const begin = () => {
    talk += 1;
    pending = null;
    busy = false;
    box.value = "";
    text(fault, "");
  };
  box.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    go();
  });
  box.addEventListener("input", () => {
    const now = performance.now();
    if (box.value && now - told > TYPING_TOLD_EVERY) {
      told = now;
      // Of the moment: when it does not arrive nobody misses it.
      Promise.resolve(typing()).catch(() => {});
    }
  });
  const button = h("button", { class: "btn main", type: "button", onclick: go }, t("send"));
  return { box, button, fault, begin };
}
