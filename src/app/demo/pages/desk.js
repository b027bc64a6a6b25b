// The desk: who is there, who waits, the conversation with one customer, queues and callbacks.

import { dayTime, clockTime, h, keep, listen, post, t, text } from "./dom.js";
import { Conversation, composer } from "./talk.js";

const API = "/desk/v1";
const STATES = ["available", "busy", "break", "offline"];
const ME = "usher-desk.person";

const path = (...parts) => [API, ...parts.map(encodeURIComponent)].join("/");
const nameOf = (contact) => contact.name ?? t("contact-short", { id: contact.id.slice(-6) });

/** Of this tab, so that two tabs can be two desks. */
function remembered() {
  try { return sessionStorage.getItem(ME); } catch { return null; }
}

function remember(person) {
  try { sessionStorage.setItem(ME, person); } catch { /* Then the tab begins with the first desk again. */ }
}

class Desk extends HTMLElement {
  #board = null;
  #me = remembered() ?? "desk-1";
  /** The contact in front of the person. */
  #chosen = null;
  #known = new Set();
  #stop = () => {};
  #ui;
  #talk;
  #title = document.title;

  connectedCallback() {
    if (!this.#ui) this.#build();
    // A desk that is a page of its own goes on in the background: its title tells that somebody waits.
    const rests = !this.hasAttribute("messenger");
    const onState = (on) => { this.#ui.cut.hidden = on; };
    this.#stop = listen(`${API}/events`, { board: (board) => this.#show(board) }, { onState, rests });
  }

  disconnectedCallback() {
    this.#stop();
    this.#talk.conversation.stop();
  }

  /** How many wait, for whoever shows it elsewhere. */
  get waiting() {
    return this.#waiting().length;
  }

  // --- what there is -------------------------------------------------------------------------------------------------

  #build() {
    const select = (label, options, onchange) => {
      const element = h("select", { onchange }, ...options);
      return { element, label: h("label", {}, label, element) };
    };
    const person = select(t("you-are"), [], () => {
      this.#me = person.element.value;
      remember(this.#me);
      this.#choose(null);
      this.#show(this.#board);
    });
    const state = select(t("your-state"), STATES.map((it) => h("option", { value: it }, t(`presence-${it}`))), () =>
      this.#do(post(path("people", this.#me, "state"), { state: state.element.value })));
    this.#talk = this.#buildTalk();
    const group = (title, id, ...more) => {
      const list = h("ul", { class: "rows" });
      const count = h("span", { class: "count", hidden: true });
      const heading = h("h2", { id: `${this.id}-${id}`, tabindex: "-1" }, title);
      const none = h("p", { class: "none" }, t(`none-${id}`));
      const element = h("section", { class: `group ${id}`, "aria-labelledby": heading.id },
        h("header", {}, heading, count), list, none, ...more);
      return { element, list, count, heading };
    };
    const ui = {
      person: person.element,
      state: state.element,
      link: h("span", { class: "tag off" }, t("connecting")),
      cut: h("p", { class: "note bad", role: "status", hidden: true }, t("cut")),
      fault: h("p", { class: "fault-line", role: "alert" }),
      news: h("p", { class: "hear", role: "status" }),
      offered: group(t("offered"), "offered"),
      mine: group(t("mine"), "mine"),
      queues: group(t("queues"), "queues"),
      callbacks: group(t("callbacks"), "callbacks"),
    };
    this.#ui = ui;
    const lower = h("div", { class: "lower" }, ui.queues.element, ui.callbacks.element);
    const right = h("div", { class: "work-right group" }, this.#talk.element, lower);
    this.append(h("div", { class: "desk" },
      h("div", { class: "bar" }, person.label, state.label, ui.link),
      ui.cut, ui.fault, ui.news,
      h("div", { class: "work" },
        h("div", { class: "side group" }, ui.offered.element, ui.mine.element),
        right)));
    if (this.hasAttribute("messenger")) right.append(this.#buildMessenger());
  }

  #buildTalk() {
    const conversation = new Conversation("person", t("conversation"));
    const heading = h("h2", { tabindex: "-1" });
    const place = h("span", { class: "tag" });
    const facts = h("dl", { class: "facts" });
    const before = h("ol", { class: "said", tabindex: "0", "aria-label": t("transcript") });
    const earlier = h("details", {}, h("summary", {}, t("transcript")), before);
    const write = composer(t("your-answer"), {
      send: (message) => post(path("contacts", this.#chosen, "messages"), { person: this.#me, ...message }),
      typing: () => post(path("contacts", this.#chosen, "typing"), { person: this.#me }),
    });
    const act = (name, key, look = "btn") =>
      h("button", { class: look, type: "button", onclick: () => this.#act(name, this.#chosen) }, t(key));
    const accept = act("accept", "accept", "btn main");
    const compose = h("div", { class: "compose" }, write.box, write.fault,
      h("div", { class: "line" }, write.button, act("return", "give-back"), act("close", "close")));
    const element = h("section", { class: "talk", "aria-label": t("conversation"), hidden: true },
      h("header", {}, heading, place, accept), facts, earlier, conversation.list, conversation.typing, compose);
    return { element, heading, place, facts, before, earlier, conversation, accept, compose, write };
  }

  /** Plays a customer of a messenger (OpenMedia), who has no web chat to write in. */
  #buildMessenger() {
    let contact = null;
    const conversation = new Conversation("customer", t("messenger-talk"));
    const write = composer(t("as-customer"), {
      send: async (message) => {
        if (!contact) {
          const language = document.documentElement.lang;
          const opened = await post(path("contacts"), { media: "openMedia", language, name: t("messenger-name") });
          contact = opened.contactId;
          conversation.follow(path("contacts", contact, "events"));
          conversation.list.hidden = false;
        }
        await post(path("contacts", contact, "customer"), message);
      },
    });
    conversation.list.hidden = true;
    // The next message begins a new one.
    conversation.onState = (entry) => { if (entry.state === "ended") contact = null; };
    return h("details", { class: "messenger" }, h("summary", {}, t("messenger")),
      h("div", { class: "group" }, h("p", { class: "quiet" }, t("messenger-hint")),
        conversation.list, conversation.typing, write.box, write.fault, h("div", { class: "line" }, write.button)));
  }

  // --- what is shown -------------------------------------------------------------------------------------------------

  #waiting() {
    return (this.#board?.contacts ?? []).filter((it) => it.place === "waiting");
  }

  #show(board) {
    if (!board) return;
    const first = !this.#board;
    this.#board = board;
    this.#showPeople();
    const waiting = this.#waiting();
    const mine = board.contacts.filter((it) => it.place === "person" && it.person === this.#me);
    this.#showContacts(this.#ui.offered, waiting);
    this.#showContacts(this.#ui.mine, mine);
    // A page that was loaded again goes on where it was.
    if (first && mine.length > 0) this.#choose(mine[0].id);
    this.#showQueues();
    this.#showCallbacks();
    this.#showTalk();
    this.#tell(waiting, first);
    this.dispatchEvent(new CustomEvent("usher-desk:board", { bubbles: true, detail: { waiting: waiting.length } }));
  }

  #showPeople() {
    const { people, attached, virtualAgents } = this.#board;
    const { person, state, link } = this.#ui;
    if (!people.some((it) => it.id === this.#me)) this.#me = people[0]?.id ?? "";
    keep(person, people, (it) => it.id, (it) => h("option", { value: it.id }), (option, it) => text(option, it.name));
    person.value = this.#me;
    const me = people.find((it) => it.id === this.#me);
    if (me && document.activeElement !== state) state.value = me.state;
    const agents = virtualAgents.filter((it) => it.loggedOn).length;
    const good = attached && agents > 0;
    link.className = `tag ${good ? "ok" : "warn"}`;
    text(link, good ? t("attached", { agents }) : t(attached ? "no-agents" : "detached"));
  }

  #showContacts(group, contacts) {
    text(group.count, String(contacts.length));
    group.count.hidden = contacts.length === 0;
    this.#holdFocus(group.list, group.heading, () => keep(group.list, contacts, (it) => it.id, (it) => this.#contact(it), (item, it) => {
      item.classList.toggle("chosen", it.id === this.#chosen);
      text(item.querySelector("button.open"), nameOf(it));
      const open = item.querySelector("button.open");
      open.setAttribute("aria-pressed", String(it.id === this.#chosen));
      text(item.querySelector(".since"), t("since", { time: clockTime(it.since) }));
      text(item.querySelector(".clip"), it.reason);
    }));
  }

  #contact(contact) {
    const accept = contact.place !== "waiting" ? [] : [
      h("button", { class: "btn main small", type: "button", onclick: () => this.#act("accept", contact.id) }, t("accept"),
        h("span", { class: "hear" }, ` ${nameOf(contact)}`)),
    ];
    const where = contact.place === "waiting" ? [h("span", { class: "quiet" }, this.#queueName(contact.queue))] : [];
    return h("li", { class: "contact" },
      h("div", { class: "line" }, h("button", { class: "open", type: "button", onclick: () => this.#choose(contact.id) }), ...accept),
      h("p", { class: "clip" }),
      h("div", { class: "line quiet" }, h("span", { class: "since" }), ...where));
  }

  #queueName(id) {
    return this.#board.queues.find((it) => it.id === id)?.name ?? id;
  }

  #showQueues() {
    keep(this.#ui.queues.list, this.#board.queues, (it) => it.id, (it) => this.#queue(it), (item, it) => {
      const [open, wait] = item.querySelectorAll("input");
      open.checked = it.open;
      if (document.activeElement !== wait) wait.value = it.expectedWaitS ?? "";
      const tag = item.querySelector(".tag");
      tag.className = `tag ${it.takesContacts ? "ok" : "off"}`;
      text(tag, it.takesContacts ? t("queue-waiting", { n: it.waiting }) : t(it.open ? "queue-nobody" : "queue-closed"));
    });
  }

  #queue(queue) {
    const change = (body) => this.#do(post(path("queues", queue.id), body));
    return h("li", { class: "queue" },
      h("label", { class: "switch" },
        h("input", { type: "checkbox", role: "switch", onchange: (event) => change({ open: event.target.checked }) }), queue.name),
      h("label", { class: "wait" }, t("expected-wait"),
        h("span", { class: "hear" }, ` ${queue.name}`),
        h("input", { type: "number", min: "0", max: "86400", step: "1", onchange: (event) => {
          const value = event.target.valueAsNumber;
          if (event.target.checkValidity() && Number.isFinite(value)) change({ expectedWaitS: value });
        } })),
      h("span", { class: "tag" }));
  }

  #showCallbacks() {
    const { list, count, heading } = this.#ui.callbacks;
    const callbacks = this.#board.callbacks;
    const open = callbacks.filter((it) => it.done == null).length;
    text(count, String(open));
    count.hidden = open === 0;
    this.#holdFocus(list, heading, () => keep(list, callbacks, (it) => it.id, (it) => this.#callback(it), (item, it) => {
      const done = it.done != null;
      item.querySelector("button").hidden = done;
      const tag = item.querySelector(".tag");
      const late = !done && it.due < this.#board.at;
      tag.className = `tag ${done ? "off" : late ? "bad" : "ok"}`;
      text(tag, done ? t("callback-done") : late ? t("callback-late") : t("callback-due"));
    }));
  }

  #callback(callback) {
    return h("li", { class: "callback" },
      h("div", { class: "line" }, h("time", { datetime: new Date(callback.due).toISOString() }, dayTime(callback.due)), h("span", { class: "tag" })),
      h("div", { class: "line" },
        h("span", {}, h("span", { class: "mono" }, callback.phone), callback.name ? ` · ${callback.name}` : ""),
        h("button", { class: "btn small", type: "button", onclick: () =>
          this.#do(post(path("callbacks", callback.id), { done: true })) }, t("done"),
          h("span", { class: "hear" }, ` ${callback.phone}`))),
      ...(callback.summary ? [h("p", { class: "clip quiet" }, callback.summary)] : []));
  }

  // --- the one in front ----------------------------------------------------------------------------------------------

  #choose(id) {
    if (id === this.#chosen) return;
    this.#chosen = id;
    const { element, conversation, earlier, write } = this.#talk;
    element.hidden = id === null;
    earlier.open = false;
    write.begin();
    conversation.stop();
    if (id !== null) {
      conversation.follow(path("contacts", id, "events"));
      this.#showContacts(this.#ui.offered, this.#waiting());
      this.#showTalk();
    }
  }

  #showTalk() {
    if (this.#chosen === null) return;
    const { element, heading, place, accept, compose } = this.#talk;
    const contact = this.#board.contacts.find((it) => it.id === this.#chosen);
    const isMine = contact?.place === "person" && contact.person === this.#me;
    const focused = element.contains(document.activeElement);
    accept.hidden = contact?.place !== "waiting";
    compose.hidden = !isMine;
    if (contact) this.#showFacts(contact);
    const where = !contact ? ["off", t("talk-over")] : isMine ? ["ok", t("talk-mine")] : contact.place === "waiting"
      ? ["warn", t("talk-waiting", { queue: this.#queueName(contact.queue) })] : ["off", t("talk-other")];
    place.className = `tag ${where[0]}`;
    text(place, where[1]);
    // What had the focus may have gone with its part.
    if (focused && !document.activeElement?.checkVisibility?.()) heading.focus();
  }

  #showFacts(contact) {
    const { heading, facts, before, earlier } = this.#talk;
    text(heading, nameOf(contact));
    const rows = [
      [t("reason"), contact.reason], [t("summary"), contact.summary],
      ...Object.entries(contact.parameters ?? {}),
      [t("channel"), `${t(`media-${contact.media}`)}, ${contact.language}`],
    ].filter(([, value]) => value);
    const cells = rows.flatMap(([name, value], n) => [{ tag: "dt", key: `${n}t`, value: name }, { tag: "dd", key: `${n}d`, value }]);
    keep(facts, cells, (it) => it.key, (it) => h(it.tag), (cell, it) => text(cell, it.value));
    earlier.hidden = contact.transcript.length === 0;
    keep(before, contact.transcript, (it) => `${it.at} ${it.from} ${it.text}`,
      (it) => h("li", { class: it.from === "person" ? "person" : it.from }, h("b", {}, t(`from-${it.from}`)), it.text), () => {});
  }

  async #act(name, id) {
    if (id === null || !(await this.#do(post(path("contacts", id, name), { person: this.#me })))) return;
    if (name === "accept") {
      this.#choose(id);
      // The board tells in a moment that it is ours; until then there is nothing to write in.
      this.#talk.compose.hidden = false;
      this.#talk.write.box.focus();
    } else {
      this.#talk.heading.focus();
    }
  }

  async #do(request) {
    try {
      await request;
      text(this.#ui.fault, "");
      return true;
    } catch (error) {
      text(this.#ui.fault, error.message);
      // What was switched on the page is switched back to what holds.
      this.#show(this.#board);
      return false;
    }
  }

  /** When an update takes away what has the focus, the list's heading has it. */
  #holdFocus(list, heading, update) {
    const held = list.contains(document.activeElement);
    update();
    if (held && !list.contains(document.activeElement)) heading.focus();
  }

  /** Says that somebody waits, to those who see the title and to those who hear the page. */
  #tell(waiting, first) {
    document.title = waiting.length > 0 ? `(${waiting.length}) ${this.#title}` : this.#title;
    const fresh = waiting.filter((it) => !this.#known.has(it.id));
    this.#known = new Set(waiting.map((it) => it.id));
    if (fresh.length > 0 && !first) {
      text(this.#ui.news, fresh.map((it) => t("is-offered", { name: nameOf(it), reason: it.reason })).join(" "));
    }
  }
}

customElements.define("usher-desk", Desk);
