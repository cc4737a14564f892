/** What the runner tells as it happens, and what the page asks of it. */

/**
 * A line of the list, as the runner summarises an invocation.
 * @typedef {Object} Summary
 * @property {string} id
 * @property {number} number counts all invocations
 * @property {number} version rises with each change
 * @property {number} at milliseconds since 1970
 * @property {string} method
 * @property {string} target path with query, as the client wrote it
 * @property {string|null} decoded the same for people, where it differs
 * @property {boolean} pinned
 * @property {string|null} origin which invocation it repeats; `""`: it was sent from this page
 * @property {boolean} async
 * @property {number} lines of its log
 * @property {number|null} status null while it runs
 * @property {number} [ms]
 * @property {string|null} [instance]
 * @property {number|null} [cold]
 * @property {number|null} [init]
 * @property {"function"|"refused"|"aborted"|"status"|null} [failure]
 */

/** Invocations by id and instances, and who wants to know when they change. */
export class Live {
  constructor() {
    /** @type {Map<string, Summary>} */
    this.invocations = new Map();
    /** @type {Object[]} */
    this.instances = [];
    /** @type {Object} */
    this.facts = {};
    this.connected = false;
    this.refused = false; // whether the page has no token, or an old one
    this.complete = false;
    this.listeners = [];
    this.changed = new Set();
    this.source = null;
    // A browser has few connections for each host, so a page that nobody sees gives its own back.
    document.addEventListener("visibilitychange", () => (document.hidden ? this.stop() : this.start()));
  }

  /** Call `listener(kinds)` in an animation frame after changes; kinds are of invocations, instances, connection. */
  listen(listener) {
    this.listeners.push(listener);
  }

  /** Connect, and connect again whenever that ends. */
  start() {
    if (this.source !== null) return;
    let isFirst = true;
    this.source = new EventSource("api/live");
    this.source.onopen = () => {
      isFirst = true;
      this.connected = true;
      this.refused = false;
      this.tell("connection");
    };
    this.source.onerror = () => {
      this.connected = false;
      if (this.source?.readyState === EventSource.CLOSED) {
        this.refused = true; // otherwise the browser tries again
        this.stop();
      }
      this.tell("connection");
    };
    this.source.onmessage = (event) => {
      this.take(JSON.parse(event.data), isFirst);
      isFirst = false;
    };
  }

  stop() {
    this.source?.close();
    this.source = null;
  }

  take(message, isFirst) {
    if (isFirst) this.invocations.clear();
    if (message.facts) {
      this.facts = message.facts;
      this.tell("facts");
    }
    if (message.numbers) {
      const kept = new Set(message.numbers);
      for (const each of message.invocations) this.invocations.set(each.id, each);
      for (const each of this.invocations.values()) if (!kept.has(each.number)) this.invocations.delete(each.id);
      this.complete = true;
      this.tell("invocations");
    }
    if (message.instances) {
      this.instances = message.instances;
      this.tell("instances");
    }
  }

  tell(kind) {
    if (this.changed.size === 0) {
      requestAnimationFrame(() => {
        const kinds = new Set(this.changed);
        this.changed.clear();
        for (const listener of this.listeners) listener(kinds);
      });
    }
    this.changed.add(kind);
  }
}

/** An error that the inspector has answered; the message is its reason. */
export class Refusal extends Error {}

/** Ask for something: a path below `api/`. Throws Refusal when the answer is no. */
export async function ask(path, options = {}) {
  const answer = await fetch(`api/${path}`, options);
  if (answer.ok) return answer;
  let reason = String(answer.status);
  try {
    reason = (await answer.json()).error ?? reason;
  } catch {
    // The status is all there is to say.
  }
  throw new Refusal(reason);
}

/** Do something: send JSON to a path below `api/`, with the header that no other origin can send. */
export async function act(path, fields = {}, method = "POST") {
  const headers = { "Content-Type": "application/json", "X-Fc-Adapter-Inspector": "1" };
  return (await ask(path, { method, headers, body: JSON.stringify(fields) })).json();
}
