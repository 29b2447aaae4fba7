// What is live. Everything that is shown is written by the server: this module fetches the page anew when its
// job changes, and copies what differs, so that nothing flickers, and focus and what is being typed stay.
const EVERY = 1000; // Milliseconds between two readings of a job that changes.
const POLL = 4000; // The same where there is no stream: the list of jobs.
const WATCHDOG = 15000; // A stream can be silent because Redis is away.
const RETRY = 3000;

/** Makes `old` equal to `fresh` with as few changes as its structure allows. */
function sync(old, fresh) {
  if (old.isEqualNode(fresh)) return;
  if (old.nodeType !== fresh.nodeType || old.nodeName !== fresh.nodeName) return old.replaceWith(fresh);
  if (old.nodeType === Node.TEXT_NODE) return void (old.data = fresh.data);
  if (old.nodeType !== Node.ELEMENT_NODE) return;
  if (old.hasAttribute("data-kept")) return;
  for (const { name } of [...old.attributes]) if (!fresh.hasAttribute(name) && name !== "open") old.removeAttribute(name);
  for (const { name, value } of fresh.attributes) if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  const fore = [...old.childNodes], next = [...fresh.childNodes];
  next.forEach((node, at) => (at < fore.length ? sync(fore[at], node) : old.append(node)));
  fore.slice(next.length).forEach((node) => node.remove());
}

/** The page at this address as it is now; null if that is the sign-in, to which the browser then goes. */
async function fetched() {
  const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
  if (answer.redirected) return location.reload(), null;
  if (!answer.ok) throw new Error(answer.status);
  return new DOMParser().parseFromString(await answer.text(), "text/html");
}

class Live {
  constructor(region) {
    this.region = region;
    this.timer = null;
    this.asked = false;
    document.addEventListener("visibilitychange", () => (document.hidden ? this.stop() : this.start()));
    if (!document.hidden) this.start();
  }

  get stream() {
    return this.region.dataset.live;
  }

  start() {
    if (this.stream === "poll") this.later(POLL);
    else if (this.stream) this.listen();
  }

  // A browser has six connections for all its tabs: hidden ones keep none.
  stop() {
    this.source?.close();
    clearTimeout(this.timer);
  }

  listen() {
    this.source?.close();
    this.source = new EventSource(this.stream);
    this.source.addEventListener("report", () => this.later(0));
    this.source.addEventListener("end", () => (this.source.close(), this.later(0)));
    this.source.onerror = () => {
      this.say(true);
      // The browser connects again by itself, unless it was refused.
      if (this.source.readyState === EventSource.CLOSED) this.later(RETRY, true);
    };
    this.later(WATCHDOG);
  }

  /** Reads the page after `wait`, and never more often than every second. */
  later(wait, again = false) {
    if (this.reading) return void (this.asked = true);
    const due = Math.max(Date.now() + wait, (this.last ?? 0) + EVERY);
    if (this.due && this.due <= due && this.due > Date.now()) return;
    clearTimeout(this.timer);
    this.due = due;
    this.timer = setTimeout(() => this.read(again), due - Date.now());
  }

  async read(again) {
    this.reading = true;
    try {
      const fresh = await fetched();
      if (!fresh) return;
      document.title = fresh.title;
      sync(this.region, fresh.querySelector("[data-live]") ?? this.region);
      this.say(false);
      if (again && this.stream) this.listen();
    } catch {
      this.say(true);
    } finally {
      this.reading = false;
      this.last = Date.now();
      this.due = 0;
      if (this.stream && !document.hidden) this.later(this.asked ? 0 : this.stream === "poll" ? POLL : WATCHDOG);
      this.asked = false;
    }
  }

  say(stopped) {
    const note = this.region.querySelector(".stopped");
    const words = stopped ? "Live updates stopped. Connecting again …" : "";
    if (note && note.textContent !== words) note.textContent = words;
  }
}

const region = document.querySelector("[data-live]");
if (region) new Live(region);
