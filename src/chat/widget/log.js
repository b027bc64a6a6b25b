// The conversation on the screen: entries in the server's order, then what is still on its way.

import { contentElement } from "./content.js";
import { ICONS, el, icon, visible, webAddress } from "./dom.js";

const NEAR_THE_END_PX = 48;

export class Log {
  #texts;
  #language;
  #actions;
  #memory;
  #speaker = "";
  #own = new Map();
  #state = null;
  /// Whether the end is in sight, and is to stay so.
  #isFollowing = true;

  /// actions: choose(text), retry(id), focusInput()
  constructor(texts, language, memory, actions) {
    this.#texts = texts;
    this.#language = language;
    this.#memory = memory;
    this.#actions = actions;
    this.entries = el("div", { class: "entries" });
    // Not read out from here: a message is once it has its place among the entries.
    this.waiting = el("div", { class: "entries", "aria-live": "off" });
    this.box = el(
      "div",
      // Announces what is added; what was there before a reload is put in while it is "off".
      { class: "log", role: "log", "aria-live": "polite", "aria-relevant": "additions", "aria-label": texts.conversation, tabindex: "0" },
      this.entries,
      this.waiting,
    );
    this.typing = el("p", { class: "typing", hidden: true });
    this.newBelow = el(
      "button",
      { type: "button", class: "new-below", hidden: true, onclick: () => this.#toEnd() },
      icon(ICONS.down),
      texts.newBelow,
    );
    this.box.addEventListener("scroll", () => this.#scrolled(), { passive: true });
    // A picture that arrives makes its message taller, a line above or below makes the box smaller.
    const resized = new ResizeObserver(() => this.#isFollowing && this.#toEnd());
    for (const it of [this.box, this.entries, this.waiting]) resized.observe(it);
    this.root = el("div", { class: "talk" }, this.box, this.newBelow, this.typing);
  }

  #scrolled() {
    const { scrollHeight, scrollTop, clientHeight } = this.box;
    // A box that is hidden has nothing to scroll.
    if (clientHeight === 0) return;
    this.#isFollowing = scrollHeight - scrollTop - clientHeight < NEAR_THE_END_PX;
    if (this.#isFollowing) this.newBelow.hidden = true;
  }

  #toEnd() {
    this.box.scrollTop = this.box.scrollHeight;
    this.newBelow.hidden = true;
  }

  #changed(change, isOwn = false) {
    this.#isFollowing ||= isOwn;
    change();
    if (this.#isFollowing) this.#toEnd();
    else this.newBelow.hidden = false;
  }

  /// While the history is put in nothing is read out.
  async setQuiet(quiet) {
    const live = quiet ? "off" : "polite";
    if (this.box.getAttribute("aria-live") === live) return;
    // What was put in must have been seen as "off" before that ends.
    if (!quiet) await new Promise((resolve) => setTimeout(resolve, 100));
    this.box.setAttribute("aria-live", live);
  }

  clear() {
    this.entries.replaceChildren();
    this.waiting.replaceChildren();
    this.#own.clear();
    this.#speaker = "";
    this.#state = null;
    this.typing.hidden = true;
    this.newBelow.hidden = true;
    this.#isFollowing = true;
  }

  // --- entries ------------------------------------------------------------------------------------------------------

  add(entry) {
    this.typing.hidden = true;
    switch (entry.type) {
      case "message":
        return this.#message(entry);
      case "delivered":
        return this.#mark(entry.id, "delivered");
      case "state":
        return this.#stateLine(entry);
      case "push":
        return this.#line(this.#push(entry));
      case "callback":
        return this.#line(el("p", { class: "event", dir: "auto" }, this.#texts.callback(visible(entry.phone), this.#moment(entry.due))));
      default:
        // Of a newer server.
        return undefined;
    }
  }

  #message(entry) {
    const isOwn = entry.from === "customer";
    if (isOwn) this.#spendChoices();
    if (isOwn && this.#own.has(entry.id)) return this.#arrived(entry);
    const parts = entry.content.map((it) => contentElement(it, this.#texts, (text) => this.#actions.choose(text)));
    const message = this.#frame(entry.from, entry.name, entry.at, parts.filter((it) => it !== null));
    if (isOwn) this.#remember(entry.id, message, "sent");
    this.#changed(() => this.entries.append(message));
    return undefined;
  }

  #frame(from, name, at, parts) {
    const speaker = `${from}:${name ?? ""}`;
    const isSame = speaker === this.#speaker;
    this.#speaker = speaker;
    const called = visible(name || this.#texts[from] || "");
    const time = el("time", { datetime: new Date(at).toISOString(), dir: "auto" }, this.#clock(at));
    const by = el("p", { class: isSame ? "by vh" : "by" }, el("bdi", {}, called), " · ", time);
    return el("div", { class: `message ${from}` }, by, ...parts);
  }

  #line(element) {
    this.#speaker = "";
    this.#changed(() => this.entries.append(element));
  }

  #stateLine(state) {
    const texts = this.#texts;
    const before = this.#state;
    this.#state = state.state;
    const text = {
      waiting: () => (before === "waiting" ? null : texts.toPerson(visible(state.queueName))),
      person: () => texts.joined(visible(state.name)),
      bot: () => (state.after ? texts[state.after] : null),
      ended: () => texts.endedBy[state.by],
    }[state.state]?.();
    if (text) this.#line(el("p", { class: "event", dir: "auto" }, text));
    if (state.state === "ended") this.#spendChoices();
  }

  /// A page is opened only by the customer's own click, after its host was shown.
  #push({ id, url }) {
    const texts = this.#texts;
    const page = webAddress(url);
    if (!page) return el("p", { class: "event" }, texts.badPage);
    const offer = el("div", { class: "push", role: "group", "aria-label": texts.pushed(page.host) });
    const decided = (decision) => {
      const hadFocus = offer.contains(offer.getRootNode().activeElement);
      this.#memory.decide(id, decision);
      offer.replaceChildren(question, address, el("p", { class: "decision" }, texts[decision]));
      if (hadFocus) this.#actions.focusInput();
    };
    const question = el("p", { class: "title" }, texts.pushed(page.host));
    const address = el("p", { class: "address", dir: "ltr" }, page.href);
    const open = el(
      "a",
      // The link itself must live until the browser has followed it.
      { class: "choice primary", href: page.href, target: "_blank", rel: "noopener noreferrer", onclick: () => setTimeout(() => decided("opened")) },
      texts.openPage,
    );
    const decline = el("button", { type: "button", class: "choice", onclick: () => decided("declined") }, texts.noThanks);
    offer.append(question, address, el("div", { class: "choices" }, open, decline));
    const decision = this.#memory.decision(id);
    if (decision) decided(decision);
    return offer;
  }

  /// Choices belong to the last thing that was said: once the customer has answered they are history.
  #spendChoices() {
    const buttons = [...this.entries.querySelectorAll("button.choice:enabled")].filter((it) => !it.closest(".push"));
    const hadFocus = buttons.includes(this.box.getRootNode().activeElement);
    for (const button of buttons) button.disabled = true;
    if (hadFocus) this.#actions.focusInput();
  }

  // --- the customer's own messages on their way ---------------------------------------------------------------------

  /// Shown before the server has it.
  pending({ id, text, at }) {
    const known = this.#own.get(id);
    if (known) return this.#mark(id, "sending");
    this.#spendChoices();
    const message = this.#frame("customer", null, at, [el("p", { class: "bubble", dir: "auto" }, visible(text))]);
    this.#remember(id, message, "sending");
    this.#changed(() => this.waiting.append(message), true);
    return undefined;
  }

  #remember(id, message, state) {
    const status = el("p", { class: "delivery" });
    message.append(status);
    this.#own.set(id, { message, status });
    this.#mark(id, state);
  }

  /// It has its place in the order now.
  #arrived({ id }) {
    const { message, status } = this.#own.get(id);
    if (message.parentNode === this.waiting) this.#changed(() => this.entries.append(message));
    if (status.dataset.state !== "delivered") this.#mark(id, "sent");
  }

  sent(id) {
    const state = this.#own.get(id)?.status.dataset.state;
    if (state === "sending") this.#mark(id, "sent");
  }

  unsent(id) {
    this.#mark(id, "unsent");
  }

  #mark(id, state) {
    const own = this.#own.get(id);
    if (!own) return;
    own.status.dataset.state = state;
    own.status.replaceChildren(this.#texts[state]);
    if (state === "unsent") {
      const retry = () => {
        this.#actions.focusInput();
        this.#actions.retry(id);
      };
      own.status.append(" ", el("button", { type: "button", class: "link", onclick: retry }, this.#texts.retry));
    }
    this.#showLastOnly();
  }

  /// What arrived needs no word once a later one has arrived, too.
  #showLastOnly() {
    const own = [...this.#own.values()];
    const last = own.at(-1)?.status;
    for (const { status: it } of own) {
      const isSettled = it.dataset.state === "sent" || it.dataset.state === "delivered";
      it.hidden = isSettled && it !== last;
    }
  }

  // --- of the moment ------------------------------------------------------------------------------------------------

  showTyping(name) {
    const dots = el("span", { class: "dots", "aria-hidden": "true" }, el("i"), el("i"), el("i"));
    this.typing.replaceChildren(dots, el("span", {}, this.#texts.typing(name)));
    this.typing.hidden = false;
  }

  #clock(at) {
    return new Intl.DateTimeFormat(this.#language, { hour: "2-digit", minute: "2-digit" }).format(at);
  }

  #moment(at) {
    const shape = { weekday: "long", day: "numeric", month: "long", hour: "2-digit", minute: "2-digit" };
    return new Intl.DateTimeFormat(this.#language, shape).format(at);
  }
}
