// <usher-chat>: a customer's web chat in one element.
//
// Attributes: server (default: where this script comes from), language (en, de), name, theme (light, dark, auto; default: the
// page's), inline (fills its box, without a button), autostart (greets without being asked; for pages that are there for the
// chat). data-… attributes go along with the contact.

import { Conversation } from "./conversation.js";
import { ICONS, el, icon } from "./dom.js";
import { Memory } from "./memory.js";
import { Panel } from "./panel.js";
import { STYLE } from "./style.js";
import { chooseLanguage, textsIn } from "./texts.js";

const REST_AFTER_MS = 5_000;
const HERE = new URL(".", import.meta.url);

class UsherChat extends HTMLElement {
  #shadow = this.attachShadow({ mode: "open" });
  #conversation = null;
  #memory;
  #panel;
  #launcher;
  #texts;
  #language;
  #isBeginning = false;
  #resting;

  connectedCallback() {
    this.#language = chooseLanguage(this.getAttribute("language"), this.closest("[lang]")?.lang, navigator.language);
    this.#texts = textsIn(this.#language);
    const server = this.getAttribute("server");
    const base = server ? new URL("/chat/", server) : HERE;
    this.#memory = new Memory(base.href, this.#language);
    this.#draw();
    this.#conversation = new Conversation(base.href, this.#memory, this.#watcher());
    globalThis.addEventListener("storage", this.#onStorage);
    globalThis.addEventListener("pagehide", this.#onHide);
    globalThis.addEventListener("pageshow", this.#onVisibility);
    document.addEventListener("visibilitychange", this.#onVisibility);
    const hasContact = this.#takeUp();
    if (this.#isInline) {
      if (!hasContact) this.#panel.offerStart();
      if (!hasContact && this.hasAttribute("autostart")) this.#begin();
    } else if (hasContact && this.#memory.isOpen) {
      this.#show(true);
    }
  }

  disconnectedCallback() {
    globalThis.removeEventListener("storage", this.#onStorage);
    globalThis.removeEventListener("pagehide", this.#onHide);
    globalThis.removeEventListener("pageshow", this.#onVisibility);
    document.removeEventListener("visibilitychange", this.#onVisibility);
    clearTimeout(this.#resting);
    this.#conversation?.stop();
    this.#conversation = null;
  }

  /// The contact that this element shows, or null.
  get contactId() {
    return this.#conversation?.contactId ?? null;
  }

  /// As if the customer had typed it.
  say(text) {
    const said = String(text).trim();
    if (!said || !this.#conversation) return;
    if (!this.#isInline) this.open();
    if (this.#conversation.isEnded) this.#forget();
    this.#say(said);
  }

  open() {
    if (this.#isInline) return;
    this.#show(true);
    if (!this.contactId) this.#begin();
    this.#panel.focus();
  }

  close() {
    if (this.#isInline) return;
    this.#show(false);
    this.#launcher.focus();
  }

  get #isInline() {
    return this.hasAttribute("inline");
  }

  #draw() {
    const texts = this.#texts;
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(STYLE);
    this.#shadow.adoptedStyleSheets = [sheet];
    this.#panel = new Panel(texts, this.#language, this.#memory, {
      say: (text) => this.#say(text),
      typing: () => this.#conversation.typing(),
      retry: (id) => this.#conversation.sayAgain(id),
      begin: () => this.#begin(),
      end: () => this.#end(),
      restart: () => this.#restart(),
      close: () => this.close(),
      listenAgain: () => this.#conversation.listen(),
    });
    this.#launcher = el("button", { type: "button", class: "launcher", "aria-expanded": "false", lang: this.#language, onclick: () => this.open() }, icon(ICONS.chat), texts.openChat);
    this.#panel.closeButton.hidden = this.#isInline;
    this.#panel.root.hidden = !this.#isInline;
    this.#launcher.hidden = this.#isInline;
    this.#panel.root.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && !this.#panel.dismiss()) this.close();
    });
    this.#shadow.replaceChildren(this.#launcher, this.#panel.root);
  }

  #show(open) {
    this.#panel.root.hidden = !open;
    this.#launcher.hidden = open;
    this.#launcher.setAttribute("aria-expanded", String(open));
    this.#memory.isOpen = open;
  }

  // --- the contact --------------------------------------------------------------------------------------------------

  #takeUp() {
    if (this.#memory.seen(this.#memory.contact?.contactId) > 0) this.#panel.log.setQuiet(true);
    return this.#conversation.resume();
  }

  async #begin() {
    const conversation = this.#conversation;
    if (this.#isBeginning || conversation.contactId) return;
    this.#isBeginning = true;
    this.#panel.openForWriting();
    this.#panel.showTrouble(this.#texts.starting);
    const wanted = { language: this.#language, attributes: { ...this.dataset } };
    if (this.getAttribute("name")) wanted.name = this.getAttribute("name");
    try {
      await conversation.begin(wanted, (trouble) => this.#showTrouble(trouble));
    } catch {
      this.#panel.showTrouble(null);
      this.#panel.offerRestart(this.#texts.unavailable);
    }
    this.#isBeginning = false;
  }

  #say(text) {
    this.#panel.showTrouble(null);
    this.#conversation.say(text);
    if (!this.contactId) this.#begin();
  }

  async #end() {
    try {
      await this.#conversation.leave();
    } catch {
      this.#showTrouble("down");
    }
  }

  #forget() {
    this.#conversation.forget();
    this.#panel.log.clear();
    this.#panel.showState(null);
    this.#panel.openForWriting();
  }

  #restart() {
    this.#forget();
    this.#begin();
    this.#panel.focus();
  }

  #onHide = () => this.#conversation?.rest();

  /// A window that is out of sight for long lets go of its connection, and takes it up again when it is looked at.
  #onVisibility = () => {
    clearTimeout(this.#resting);
    if (document.visibilityState === "visible") this.#conversation?.listen();
    else this.#resting = setTimeout(this.#onHide, REST_AFTER_MS);
  };

  /// Another tab has begun a contact, or left it behind.
  #onStorage = (event) => {
    if (!this.#memory.isContactKey(event.key)) return;
    const now = this.#memory.contact?.contactId ?? null;
    if (now === this.contactId) return;
    if (this.contactId) {
      this.#conversation.stop();
      this.#panel.log.clear();
      this.#panel.showState(null);
      this.#tell(null);
    }
    if (now && this.#takeUp()) this.#panel.openForWriting();
    else if (this.#isInline) this.#panel.offerStart();
    else this.#show(false);
  };

  #tell(contactId) {
    this.dispatchEvent(new CustomEvent("usher-chat:contact", { bubbles: true, composed: true, detail: { contactId } }));
  }

  // --- what the conversation tells ----------------------------------------------------------------------------------

  #watcher() {
    const panel = this.#panel;
    return {
      entry: async (entry, isHistory) => {
        if (!isHistory) await panel.log.setQuiet(false);
        panel.clearTyping();
        panel.log.add(entry);
        if (entry.type === "state") panel.showState(entry);
        if (entry.state === "ended") panel.showTrouble(null);
      },
      hint: (hint) => hint.type === "typing" && hint.from !== "customer" && panel.showTyping(hint.from),
      pending: (message) => panel.log.pending(message),
      sent: (id) => panel.log.sent(id),
      unsent: (id) => {
        panel.log.unsent(id);
        panel.showTrouble(this.#texts.unsent);
      },
      link: (state) => this.#showTrouble(state),
      contact: (contactId) => this.#tell(contactId),
    };
  }

  #showTrouble(state) {
    const { offline, busy, gone } = this.#texts;
    this.#panel.showTrouble({ down: offline, busy }[state] ?? null);
    if (state === "elsewhere") this.#panel.offerContinue();
    if (state === "gone") this.#panel.offerRestart(gone);
  }
}

if (!customElements.get("usher-chat")) customElements.define("usher-chat", UsherChat);
