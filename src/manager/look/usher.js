// What makes the pages pleasant; each of them works without.

// In the page's language, as the reader's browser writes it if it knows a kind of it.
const language = document.documentElement.lang;
const locale = navigator.languages?.find((it) => it.split("-")[0] === language) ?? language;

// Moments in the reader's own time.
const moment = new Intl.DateTimeFormat(locale, { dateStyle: "short", timeStyle: "medium" });
function localize(root) {
  for (const time of root.querySelectorAll("time[datetime]:not([data-zone])")) {
    const at = new Date(time.dateTime);
    if (!Number.isNaN(at.getTime())) {
      time.title = time.textContent;
      time.textContent = moment.format(at);
    }
  }
}

// On a narrow page a table is a list of cards: each cell is told its column's name.
const narrow = matchMedia("(max-width: 640px)");
function label(root) {
  if (!narrow.matches) return;
  for (const table of root.querySelectorAll("table:not(.cards)")) {
    const names = [...table.querySelectorAll("thead th")].map((it) => it.textContent);
    if (names.length === 0) continue;
    table.classList.add("cards");
    for (const row of table.tBodies[0]?.rows ?? []) {
      for (const [at, cell] of [...row.cells].entries()) {
        cell.dataset.label = names[at] ?? "";
        if (at === 0 && !cell.querySelector("input")) cell.classList.add("title");
        else if (cell.querySelector("pre")) cell.classList.add("whole");
      }
    }
  }
}

function dress(root) {
  localize(root);
  label(root);
}
dress(document);
narrow.addEventListener("change", () => label(document));

// What has changed takes the place of what stands there; the focus stays where it is, or else with the place.
const waiting = new Map();
function put(place, html) {
  // What somebody has marked, to copy it, stays marked; the newest comes when it is no more.
  const marked = document.getSelection();
  if (!marked.isCollapsed && place.contains(marked.anchorNode)) return void waiting.set(place, html);
  waiting.delete(place);
  const at = place.contains(document.activeElement) ? document.activeElement : null;
  const href = at?.getAttribute("href");
  place.innerHTML = html;
  dress(place);
  if (!at || at === place) return;
  (place.querySelector(at.id ? `#${CSS.escape(at.id)}` : href ? `a[href="${CSS.escape(href)}"]` : ":not(*)") ?? place).focus();
}

document.addEventListener("selectionchange", () => {
  for (const [place, html] of [...waiting]) put(place, html);
});

// A place that events tell of: one source of them at a time. Yields whether it is told now.
function follow(place, listen) {
  const { lost, over, enter } = document.body.dataset;
  const told = document.createElement("p");
  told.className = "stale";
  told.setAttribute("role", "status");
  let source, retry;
  const tell = (text, ...more) => {
    if (told.isConnected && told.firstChild?.textContent === text) return;
    told.replaceChildren(text, ...more);
    place.before(told);
  };
  const close = () => {
    clearTimeout(retry);
    source?.close();
  };
  const open = () => {
    close();
    const url = new URL(place.dataset.events, location.href);
    if (place.dataset.last) url.searchParams.set("last", place.dataset.last);
    const own = (source = new EventSource(url));
    own.onopen = () => told.remove();
    own.onerror = async () => {
      if (own.readyState !== EventSource.CLOSED) return tell(lost);
      // A refusal ends it for good; where it leads to the door, nobody is signed in any more.
      retry = setTimeout(open, 10000);
      const answer = await fetch(url, { method: "HEAD", redirect: "manual" }).catch(() => null);
      if (own !== source) return;
      if (answer?.type !== "opaqueredirect") return tell(lost);
      const link = document.createElement("a");
      link.href = location.href.split("#")[0];
      link.textContent = enter;
      tell(over, " ", link);
    };
    own.addEventListener("alerts", (event) => put(document.getElementById("alerts"), event.data));
    listen(own);
  };
  // Nobody looks: nothing is fetched.
  document.addEventListener("visibilitychange", () => (document.hidden ? close() : open()));
  open();
  return () => source.readyState === EventSource.OPEN;
}

const live = document.getElementById("live");
if (live) {
  follow(live, (source) =>
    source.addEventListener("rows", (event) => put(live, event.data)),
  );
}

// Of a page that holds what somebody types or ticks, the parts alone that have changed.
for (const place of document.querySelectorAll("[data-parts]")) {
  follow(place, (source) =>
    source.addEventListener("parts", (event) => {
      const came = document.createElement("template");
      came.innerHTML = event.data;
      for (const part of came.content.querySelectorAll("[data-part]")) {
        const own = place.querySelector(`[data-part="${CSS.escape(part.dataset.part)}"]`);
        if (own && own.innerHTML !== part.innerHTML) own.replaceWith(part);
      }
    }),
  );
}

// All boxes of a form, or none if they are all ticked.
for (const link of document.querySelectorAll("a[data-tick]")) {
  link.addEventListener("click", (event) => {
    event.preventDefault();
    const boxes = [...link.closest("form").querySelectorAll("input[type=checkbox]")];
    const all = boxes.every((box) => box.checked);
    for (const box of boxes) box.checked = !all;
  });
}

const timeline = document.querySelector(".timeline[data-events]");
if (timeline) {
  const hand = document.getElementById("hand");
  const plain = (html) => Object.assign(document.createElement("template"), { innerHTML: html }).innerHTML;
  let offered = plain(hand.innerHTML);
  const isTold = follow(timeline, (source) => {
    source.addEventListener("record", (event) => {
      timeline.dataset.last = event.lastEventId;
      const lines = document.createElement("template");
      lines.innerHTML = event.data;
      // Who reads the newest goes on reading the newest.
      const page = document.documentElement;
      const isAtEnd = scrollY > 0 && scrollY + innerHeight > page.scrollHeight - 60;
      timeline.append(lines.content);
      if (isAtEnd) scrollTo({ top: page.scrollHeight });
    });
    source.addEventListener("state", (event) => put(document.getElementById("state"), event.data));
    // What is being chosen stays chosen as long as it can be.
    source.addEventListener("hand", (event) => {
      if (plain(event.data) === offered) return;
      offered = plain(event.data);
      const chosen = hand.querySelector("select")?.value;
      const open = hand.querySelector("details")?.open;
      put(hand, event.data);
      const list = hand.querySelector("select");
      if (list && [...list.options].some((it) => it.value === chosen)) list.value = chosen;
      if (open && hand.querySelector("details")) hand.querySelector("details").open = true;
    });
  });
  // It is done without leaving the page, which is told what comes of it; a refusal is a page of its own.
  hand.addEventListener("submit", async (event) => {
    const form = event.target;
    if (!isTold()) return;
    event.preventDefault();
    if (form.dataset.sent) return;
    form.dataset.sent = "yes";
    const body = new URLSearchParams(new FormData(form));
    const answer = await fetch(form.action, { method: "POST", body, redirect: "manual" }).catch(() => null);
    delete form.dataset.sent;
    if (answer?.type !== "opaqueredirect") return form.submit();
    const done = document.createElement("p");
    done.className = "done";
    done.setAttribute("role", "status");
    done.textContent = form.action.endsWith("/end") ? hand.dataset.ended : hand.dataset.handed;
    document.querySelector(".done")?.remove();
    hand.before(done);
  });
}

// Printed, it says when.
const printed = document.querySelector(".printed time");
if (printed) {
  const zone = { dateStyle: "medium", timeStyle: "medium", timeZone: printed.dataset.zone };
  addEventListener("beforeprint", () => (printed.textContent = new Intl.DateTimeFormat(locale, zone).format(new Date())));
}

// A filter is at work as soon as it is chosen.
for (const form of document.querySelectorAll("form[data-auto]")) {
  form.addEventListener("change", (event) => {
    if (event.target.matches("select")) form.requestSubmit();
  });
}

// A day that is chosen is meant, whatever span was.
for (const day of document.querySelectorAll(".filter input[type=date]")) {
  day.addEventListener("input", () => (day.form.elements.span.value = "own"));
}

// A file is read into its field; it goes nowhere before the form is sent. A key file is known by its bound.
for (const area of document.querySelectorAll("textarea[data-file]")) {
  const input = document.createElement("input");
  const problem = document.createElement("p");
  input.type = "file";
  if (area.dataset.large) input.accept = ".json,application/json";
  input.setAttribute("aria-label", area.dataset.file);
  problem.className = "problem";
  problem.setAttribute("role", "alert");
  input.addEventListener("change", async () => {
    const file = input.files[0];
    if (!file) return;
    const large = area.dataset.large && file.size > 65536;
    problem.textContent = large ? area.dataset.large : "";
    if (large) input.value = "";
    else area.value = await file.text();
  });
  area.before(problem, input);
}

for (const place of document.querySelectorAll("[data-copy]")) {
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = place.dataset.copy;
  button.addEventListener("click", () => navigator.clipboard?.writeText(place.textContent.trim()));
  place.after(button);
}

// A turn of a trial is put in without leaving the page: what has come is added, and the focus stays in the field.
const trial = document.getElementById("trial");
if (trial) {
  const part = (root, name) => root.querySelector(`#trial [data-part="${name}"]`);
  trial.addEventListener("submit", async (event) => {
    const form = event.target;
    if (form.action !== location.href.split("#")[0]) return;
    event.preventDefault();
    const body = new URLSearchParams(new FormData(form, event.submitter));
    const wait = document.createElement("p");
    wait.className = "hint";
    wait.setAttribute("role", "status");
    wait.textContent = trial.dataset.trial;
    part(document, "forms").before(wait);
    for (const button of trial.querySelectorAll("button")) button.disabled = true;
    try {
      const response = await fetch(form.action, { method: "POST", body });
      const page = new DOMParser().parseFromString(await response.text(), "text/html");
      // Signed out, or over: the page as it is without a script says so, and keeps what was typed.
      if (!page.getElementById("trial")) return form.submit();
      const log = part(document, "log");
      const turns = [...part(page, "log").children].slice(log.children.length);
      log.append(...turns);
      for (const name of ["problems", "state", "forms"]) part(document, name).innerHTML = part(page, name).innerHTML;
      // What was offered is said by the form, as long as there is one.
      for (const button of log.querySelectorAll("button")) button.disabled = !document.getElementById("say");
      const wrong = document.querySelector("#trial .problems");
      (wrong ?? document.querySelector("#trial .say input[name=text]") ?? log).focus();
      turns.at(-1)?.scrollIntoView({ block: "nearest" });
    } catch {
      wait.textContent = trial.dataset.lost;
      return;
    }
    wait.remove();
  });
}

// What is under way is looked at again until it is done.
const again = document.querySelector("[data-again]");
if (again) setTimeout(() => location.reload(), Number(again.dataset.again));

document.querySelector(".problems")?.focus();
