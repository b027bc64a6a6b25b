// The why-timeline of one contact, step by step as it is committed.

import { atEnd, clockTime, h, listen, t, toEnd } from "./dom.js";

/** More steps than anybody reads; the oldest go. */
const MOST = 500;

/** What a step is, for its label and colour. */
const KINDS = {
  started: ["contact", ""], returned: ["contact", "hand"], heard: ["customer", "customer"], held: ["customer", "customer"],
  unanswered: ["customer", ""], asked: ["engine", ""], answered: ["engine", ""], ask_failed: ["engine", "fault"],
  slow: ["engine", "fault"], stale: ["engine", "fault"], text_too_long: ["engine", "fault"], outcome: ["outcome", ""],
  handover_outcome: ["handover", "hand"], outcome_missing: ["outcome", "fault"], unknown_action: ["action", "fault"],
  action_waits: ["action", ""], action_refused: ["action", "fault"], handing_over: ["handover", "hand"],
  no_person: ["handover", "fault"], external_asked: ["external", ""], external_answered: ["external", ""],
  external_failed: ["external", "fault"], warned: ["clock", ""], timed_out: ["clock", ""], ended: ["contact", ""],
  recovered: ["restart", "fault"],
};

function kind(step) {
  if (step.step !== "sent") return KINDS[step.step] ?? ["step", ""];
  const command = JSON.stringify(step.command ?? "").toLowerCase();
  return command.includes("requeue") ? ["handover", "hand"] : ["bot", "bot"];
}

class Why extends HTMLElement {
  #stop = () => {};
  #last = 0;
  #list;
  #empty;

  connectedCallback() {
    if (this.#list) return;
    this.#list = h("ol", { class: "steps" });
    this.#empty = h("p", { class: "empty" }, t("why-empty"));
    this.append(this.#empty, this.#list);
  }

  disconnectedCallback() {
    this.#stop();
  }

  /** Follows a contact; `null`: none. */
  follow(contact) {
    this.#stop();
    this.#stop = () => {};
    this.#last = 0;
    this.#list.replaceChildren();
    this.#empty.hidden = false;
    this.dataset.contact = contact ?? "";
    if (!contact) return;
    const url = `/timeline/${encodeURIComponent(this.getAttribute("unit"))}/${encodeURIComponent(contact)}/events`;
    this.#stop = listen(url, {
      message: (record) => this.#add(record),
      omitted: () => {
        if (this.#last === 0) this.#list.append(h("li", { class: "quiet" }, t("why-omitted")));
      },
    });
  }

  #add(record) {
    // A connection that was opened anew tells everything again.
    if (record.position <= this.#last) return;
    this.#last = record.position;
    this.#empty.hidden = true;
    const follow = atEnd(this);
    for (const step of record.steps) this.#list.append(this.#item(record, step));
    while (this.#list.children.length > MOST) this.#list.firstElementChild.remove();
    if (follow) toEnd(this);
  }

  #item(record, step) {
    const [name, look] = kind(step);
    const gap = step.step === "heard" && this.#list.children.length > 0;
    return h("li", { class: gap ? "gap" : "", "data-step": step.step },
      h("time", { datetime: record.at }, clockTime(record.at)),
      h("div", { class: `what ${look}` },
        h("span", { class: "kind" }, t(`kind-${name}`)),
        h("span", { class: "ms" }, step.ms === undefined ? "" : `${step.ms} ms`),
        h("span", { class: "text", lang: "en" }, step.text)));
  }
}

customElements.define("usher-why", Why);
