// What makes the pages pleasant; each of them works without.

// Moments in the reader's own time.
const moment = new Intl.DateTimeFormat(undefined, { dateStyle: "short", timeStyle: "medium" });
function localize(root) {
  for (const time of root.querySelectorAll("time[datetime]")) {
    const at = new Date(time.dateTime);
    if (!Number.isNaN(at.getTime())) {
      time.title = time.textContent;
      time.textContent = moment.format(at);
    }
  }
}
localize(document);

// What has changed takes the place of what stands there; the focus stays where it is.
function follow(place, listen) {
  const lost = document.createElement("p");
  lost.className = "stale";
  lost.setAttribute("role", "status");
  let source;
  const open = () => {
    const url = new URL(place.dataset.events, location.href);
    if (place.dataset.last) url.searchParams.set("last", place.dataset.last);
    source = new EventSource(url);
    source.onopen = () => lost.remove();
    source.onerror = () => {
      lost.textContent = place.dataset.lost;
      place.before(lost);
      // A refusal ends it for good: the page may have to be signed in again.
      if (source.readyState === EventSource.CLOSED) setTimeout(open, 10000);
    };
    listen(source);
  };
  // Nobody looks: nothing is fetched.
  document.addEventListener("visibilitychange", () => {
    source?.close();
    if (!document.hidden) open();
  });
  open();
}

const live = document.getElementById("live");
if (live) {
  follow(live, (source) =>
    source.addEventListener("rows", (event) => {
      const at = document.activeElement?.closest?.("#live a")?.getAttribute("href");
      live.innerHTML = event.data;
      localize(live);
      if (at) live.querySelector(`a[href="${CSS.escape(at)}"]`)?.focus();
    }),
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
  follow(timeline, (source) => {
    source.addEventListener("record", (event) => {
      timeline.dataset.last = event.lastEventId;
      const lines = document.createElement("template");
      lines.innerHTML = event.data;
      localize(lines.content);
      timeline.append(lines.content);
    });
    source.addEventListener("state", (event) => {
      document.getElementById("state").innerHTML = event.data;
    });
  });
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
