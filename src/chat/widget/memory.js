// What outlives a reload: the contact's tokens, what was not yet sent, what was decided. Without storage it lives as long as the page.
//
// Each thing has a key of its own, so that two tabs never overwrite what the other has just written.

/// A storage that may be forbidden or full: then the page's own memory stands in.
class Shelf {
  #name;
  #own = new Map();

  constructor(name) {
    this.#name = name;
  }

  get #real() {
    try {
      return globalThis[this.#name];
    } catch {
      return undefined;
    }
  }

  get(key) {
    try {
      return this.#own.get(key) ?? this.#real?.getItem(key) ?? null;
    } catch {
      return null;
    }
  }

  set(key, value) {
    try {
      this.#real.setItem(key, value);
      this.#own.delete(key);
    } catch {
      this.#own.set(key, value);
    }
  }

  remove(key) {
    this.#own.delete(key);
    try {
      this.#real?.removeItem(key);
    } catch {
      // It could not have been kept either.
    }
  }

  keys(prefix) {
    let kept = [];
    try {
      kept = Object.keys(this.#real ?? {});
    } catch {
      // Forbidden: only our own remain.
    }
    return [...new Set([...kept, ...this.#own.keys()])].filter((key) => key.startsWith(prefix));
  }
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

export class Memory {
  #prefix;
  #lasting = new Shelf("localStorage");
  #ofTab = new Shelf("sessionStorage");

  /// A conversation is in one language: with another one the customer begins anew, and finds the old one on switching back.
  constructor(server, language) {
    this.#prefix = `usher-chat:${server}:${language}:`;
  }

  /// {contactId, token, events} or null.
  get contact() {
    const contact = parsed(this.#lasting.get(`${this.#prefix}contact`));
    const isWhole = [contact?.contactId, contact?.token, contact?.events].every((it) => typeof it === "string");
    return isWhole ? contact : null;
  }

  set contact(contact) {
    this.#lasting.set(`${this.#prefix}contact`, JSON.stringify(contact));
  }

  isContactKey(key) {
    return key === null || key === `${this.#prefix}contact`;
  }

  /// The last entry of a contact that this customer has had before their eyes, in any tab. A tab that is behind may still tell of
  /// a contact that another has left.
  seen(contactId) {
    return Number(this.#lasting.get(`${this.#prefix}seen:${contactId}`)) || 0;
  }

  keepSeen(contactId, seq) {
    if (seq > this.seen(contactId)) this.#lasting.set(`${this.#prefix}seen:${contactId}`, String(seq));
  }

  /// Messages without an answer, in the order they were written.
  get unsent() {
    const prefix = `${this.#prefix}out:`;
    const found = this.#lasting.keys(prefix).map((key) => parsed(this.#lasting.get(key)));
    const whole = found.filter((it) => typeof it?.id === "string" && typeof it?.text === "string");
    return whole.sort((a, b) => a.at - b.at || a.nth - b.nth);
  }

  keepUnsent(message) {
    this.#lasting.set(`${this.#prefix}out:${message.id}`, JSON.stringify(message));
  }

  dropUnsent(id) {
    this.#lasting.remove(`${this.#prefix}out:${id}`);
  }

  /// What became of a pushed page: "opened", "declined" or null.
  decision(push) {
    return this.#lasting.get(`${this.#prefix}push:${push}`);
  }

  decide(push, decision) {
    this.#lasting.set(`${this.#prefix}push:${push}`, decision);
  }

  get draft() {
    return this.#ofTab.get(`${this.#prefix}draft`) ?? "";
  }

  set draft(text) {
    if (text) this.#ofTab.set(`${this.#prefix}draft`, text);
    else this.#ofTab.remove(`${this.#prefix}draft`);
  }

  get isOpen() {
    return this.#ofTab.get(`${this.#prefix}open`) === "yes";
  }

  set isOpen(open) {
    this.#ofTab.set(`${this.#prefix}open`, open ? "yes" : "no");
  }

  /// Leaves the contact behind; the draft stays.
  forgetContact() {
    for (const key of this.#lasting.keys(this.#prefix)) this.#lasting.remove(key);
  }
}
