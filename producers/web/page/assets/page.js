// What is live. The server writes everything that is shown: when the job changes, this module reads the page
// anew and copies what differs, so that nothing flickers, and the focus and what is being typed stay.

const OFTEN = 1000; // Milliseconds between two readings, at least.
const POLL = 4000; // The same for the list of jobs, which has no stream.
const SILENCE = 15000; // A stream says nothing while Redis is away, or while nothing changes.
const RETRY = 3000;
const NEVER = 2 ** 31 - 1;

const region = document.querySelector("[data-live]");
let source = null; // The stream of events.
let isStopped = false;
let isTouched = false;
let wake = () => {};

const after = (wait) => new Promise((resolve) => setTimeout(resolve, wait));

/** Asks for a reading now. */
function touch() {
  isTouched = true;
  wake();
}

/** Waits until somebody asks for a reading, for `longest` at most. */
async function touched(longest) {
  if (!isTouched) await new Promise((resolve) => ((wake = resolve), setTimeout(resolve, longest)));
  isTouched = false;
}

/** Opens the stream. A browser has six connections for all its tabs, so one that is hidden keeps none. */
function follow() {
  source?.close();
  source = null;
  if (document.hidden || !region.dataset.live.startsWith("/")) return;
  source = new EventSource(region.dataset.live);
  source.addEventListener("report", touch);
  source.addEventListener("end", () => (source.close(), touch()));
  source.addEventListener("error", () => (say(true), touch()));
}

function say(stopped) {
  isStopped = stopped;
  const words = stopped ? "Live updates stopped. Connecting again …" : "";
  for (const note of region.querySelectorAll(".stopped")) if (note.textContent !== words) note.textContent = words;
}

async function read() {
  const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
  // The session has ended, or the job is gone: the page says what to do.
  if (answer.redirected || [403, 404].includes(answer.status)) return location.reload();
  if (!answer.ok) throw new Error(answer.statusText);
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
  document.title = fresh.title;
  sync(region, fresh.querySelector("[data-live]"));
  say(false);
  if (source?.readyState === EventSource.CLOSED) follow();
}

async function live() {
  follow();
  while (region.dataset.live) {
    const wait = isStopped ? RETRY : source ? SILENCE : POLL;
    await touched(document.hidden ? NEVER : wait);
    if (document.hidden) continue;
    await read().catch(() => say(true));
    await after(isStopped ? RETRY : OFTEN);
  }
  source?.close();
}

/** Makes `old` equal to `fresh` with the fewest changes. */
function sync(old, fresh) {
  if (old.isEqualNode(fresh)) return;
  if (old.nodeType === Node.TEXT_NODE) return void (old.data = fresh.data);
  for (const { name } of [...old.attributes]) if (!fresh.hasAttribute(name)) old.removeAttribute(name);
  for (const { name, value } of fresh.attributes) if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  let at = old.firstChild;
  for (const node of [...fresh.childNodes]) {
    let same = at;
    // What has a name is found again where something was added or went before it.
    if (nameOf(node)) while (same && !isLike(same, node)) same = same.nextSibling;
    if (!same || !isLike(same, node)) {
      old.insertBefore(node, at);
      continue;
    }
    while (at !== same) at = removed(at);
    sync(same, node);
    at = same.nextSibling;
  }
  while (at) at = removed(at);
}

/** A button that takes the place of another one is another element: no finger presses what it did not mean. */
const nameOf = (node) =>
  node.id || node.getAttribute?.("aria-labelledby") || node.getAttribute?.("formaction") || "";
const isLike = (one, other) => one.nodeName === other.nodeName && nameOf(one) === nameOf(other);

function removed(node) {
  const next = node.nextSibling;
  node.remove();
  return next;
}

/** A form that takes a while says so, and is not sent twice. */
function busy(event) {
  const form = event.target;
  if (form.dataset.isSent) return event.preventDefault();
  if (!form.dataset.busy) return;
  form.dataset.isSent = "yes";
  const button = form.querySelector("button");
  button.setAttribute("aria-disabled", "true");
  button.textContent = form.dataset.busy;
}

/** A link from elsewhere comes without the cookie, which is strict: one from here has it. */
async function goOn(link) {
  const answer = await fetch(link.href, { headers: { Accept: "text/html" }, redirect: "manual" });
  if (answer.ok) location.replace(link.href);
}

document.addEventListener("submit", busy);
// Where the browser shows a page again as it left it.
addEventListener("pageshow", (event) => event.persisted && location.reload());
if (region?.dataset.live) {
  document.addEventListener("visibilitychange", () => (follow(), touch()));
  live();
}
const link = document.querySelector("a[data-next]");
if (link) goOn(link).catch(() => {});
