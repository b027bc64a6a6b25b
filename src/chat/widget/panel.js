// The chat's window: its head, the line of state, the log and the field for writing.

import { ICONS, el, icon, visible } from "./dom.js";
import { Log } from "./log.js";

export const MAX_TEXT = 4000;
const NOTE_AFTER_MS = 1_500;
const TYPING_LASTS_MS = 8_000;

export class Panel {
  #texts;
  #actions;
  #note = null;
  #typingTimer;
  /// Who is at the other end, if it is a person.
  #person = null;

  /// actions: say(text), typing(), retry(id), begin(), end(), restart(), close(), listenAgain()
  constructor(texts, language, memory, actions) {
    this.#texts = texts;
    this.#actions = actions;
    this.memory = memory;
    const say = (text) => {
      actions.say(text);
      this.focus();
    };
    this.log = new Log(texts, language, memory, { choose: say, retry: actions.retry, focusInput: () => this.focus() });
    this.root = el("section", { class: "panel", "aria-label": texts.chat, lang: language }, this.#head(), this.#lines(), this.log.root, this.#foot());
    this.showState(null);
  }

  #head() {
    const texts = this.#texts;
    this.who = el("p", { class: "who" });
    this.endButton = el("button", { type: "button", class: "quiet", onclick: () => this.#ask(true), hidden: true }, texts.end);
    this.closeButton = el("button", { type: "button", class: "quiet square", "aria-label": texts.closeChat, onclick: () => this.#actions.close() }, icon(ICONS.close));
    return el("header", {}, this.who, this.endButton, this.closeButton);
  }

  #lines() {
    const texts = this.#texts;
    const no = el("button", { type: "button", class: "choice", onclick: () => this.#ask(false) }, texts.endNo);
    const yes = el("button", { type: "button", class: "choice", onclick: () => this.#confirmed() }, texts.endYes);
    this.question = el("div", { class: "bar", role: "group", "aria-label": texts.endQuestion, hidden: true }, el("p", {}, texts.endQuestion), yes, no);
    this.queue = el("p", { class: "queue" });
    this.trouble = el("p", { class: "trouble" });
    const status = el("div", { class: "lines", role: "status" }, this.queue, this.trouble);
    return el("div", {}, this.question, status);
  }

  #foot() {
    const texts = this.#texts;
    this.input = el("textarea", { id: "text", rows: "1", maxlength: String(MAX_TEXT), placeholder: texts.placeholder, dir: "auto", enterkeyhint: "send" });
    this.input.value = this.memory.draft;
    this.input.addEventListener("input", () => this.#written());
    this.input.addEventListener("keydown", (event) => this.#pressed(event));
    const send = el("button", { type: "submit", class: "send", "aria-label": texts.send }, icon(ICONS.send));
    const label = el("label", { for: "text", class: "vh" }, texts.message);
    this.form = el("form", { class: "write" }, label, this.input, send);
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#submit();
    });
    this.after = el("div", { class: "after", hidden: true });
    return el("footer", {}, this.form, this.after);
  }

  // --- writing ------------------------------------------------------------------------------------------------------

  #written() {
    this.memory.draft = this.input.value;
    this.#fit();
    if (this.input.value.trim()) this.#actions.typing();
  }

  #pressed(event) {
    const isNewLine = event.shiftKey || event.isComposing;
    if (event.key !== "Enter" || isNewLine) return;
    event.preventDefault();
    this.#submit();
  }

  #submit() {
    const text = this.input.value.trim();
    if (!text) return this.focus();
    this.input.value = "";
    this.memory.draft = "";
    this.#fit();
    this.#actions.say(text);
    return this.focus();
  }

  /// The field grows with its text, up to what the style sheet allows.
  #fit() {
    this.input.rows = Math.min(5, this.input.value.split("\n").length);
  }

  focus() {
    if (!this.form.hidden) this.input.focus();
  }

  #ask(open) {
    this.question.hidden = !open;
    if (open) this.question.querySelector("button").focus();
    else this.focus();
  }

  #confirmed() {
    this.#ask(false);
    this.#actions.end();
  }

  /// Closes the question; false when there was none.
  dismiss() {
    if (this.question.hidden) return false;
    this.#ask(false);
    return true;
  }

  // --- what is the case ---------------------------------------------------------------------------------------------

  /// Who has the contact; null: nobody yet.
  showState(state) {
    const texts = this.#texts;
    this.#person = state?.state === "person" ? visible(state.name) : null;
    const shown = {
      connecting: () => texts.withConnecting,
      bot: () => texts.withBot,
      waiting: () => texts.withWaiting,
      person: () => texts.withPerson(visible(state.name)),
      ended: () => texts.withEnded,
    };
    const who = state ? (shown[state.state]?.() ?? texts.chat) : texts.chat;
    this.who.replaceChildren(who);
    this.queue.replaceChildren(...(state?.state === "waiting" ? this.#line(state) : []));
    this.endButton.hidden = !state || state.state === "ended";
    this.clearTyping();
    if (state?.state === "ended") {
      this.question.hidden = true;
      this.#offer(null, texts.startNew, () => this.#actions.restart());
    }
  }

  #line({ position, expectedWaitS }) {
    const texts = this.#texts;
    const place = position <= 1 ? texts.next : texts.position(position);
    const wait = Number.isFinite(expectedWaitS) ? ` ${texts.wait(Math.ceil(expectedWaitS / 60))}` : "";
    return [place + wait];
  }

  /// In place of the field for writing.
  #offer(text, label, act) {
    const hadFocus = this.form.contains(this.form.getRootNode().activeElement);
    const button = el("button", { type: "button", class: "choice primary", onclick: act }, label);
    this.after.replaceChildren(...(text ? [el("p", {}, text)] : []), button);
    this.after.hidden = false;
    this.form.hidden = true;
    if (hadFocus) button.focus();
  }

  /// Before the first word: what this is, and the way in.
  offerStart() {
    this.#offer(this.#texts.welcome, this.#texts.start, () => this.#actions.begin());
  }

  offerContinue() {
    this.#offer(this.#texts.elsewhere, this.#texts.continueHere, () => {
      this.openForWriting();
      this.#actions.listenAgain();
    });
  }

  offerRestart(text) {
    this.endButton.hidden = true;
    this.#offer(text, this.#texts.startNew, () => this.#actions.restart());
  }

  openForWriting() {
    const hadFocus = this.after.contains(this.after.getRootNode().activeElement);
    this.after.hidden = true;
    this.form.hidden = false;
    if (hadFocus) this.focus();
  }

  /// null: all is well. Short troubles are not worth a word.
  showTrouble(text) {
    if (text === this.#note) return;
    this.#note = text;
    if (!text) this.trouble.replaceChildren();
    else setTimeout(() => this.#note === text && this.trouble.replaceChildren(text), NOTE_AFTER_MS);
  }

  showTyping(from) {
    this.log.showTyping((from === "person" && this.#person) || this.#texts[from]);
    clearTimeout(this.#typingTimer);
    this.#typingTimer = setTimeout(() => this.clearTyping(), TYPING_LASTS_MS);
  }

  clearTyping() {
    clearTimeout(this.#typingTimer);
    this.log.typing.hidden = true;
  }
}
