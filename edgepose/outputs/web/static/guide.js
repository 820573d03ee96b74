// The first steps on a new device; each is ticked off by what the device reports.

import { show } from "/device.js";

const KEY = "edgepose-guide"; // "open" from the first visit to a device that watches for nothing
const STEPS = ["picture", "person", "watch", "event"];

const element = (id) => document.getElementById(id);

export class Guide {
  constructor() {
    this.done = new Set();
    element("guide-close").addEventListener("click", () => this.close());
    this.render();
  }

  get isOpen() {
    return localStorage.getItem(KEY) === "open";
  }

  // Tick a step off; it stays done.
  tick(step, isDone) {
    if (!isDone || this.done.has(step)) return;
    this.done.add(step);
    this.render();
  }

  // Begin, unless it was closed here: on a device that watches for nothing yet.
  begin(isNew) {
    if (isNew && localStorage.getItem(KEY) === null) localStorage.setItem(KEY, "open");
    this.render();
  }

  close() {
    localStorage.setItem(KEY, "closed");
    this.render();
    element("watches").focus();
  }

  render() {
    show(element("guide"), this.isOpen);
    for (const step of STEPS) {
      const item = element(`guide-${step}`);
      const isDone = this.done.has(step);
      item.classList.toggle("is-done", isDone);
      show(item.querySelector(".guide-done"), isDone);
    }
    show(element("guide-finished"), this.done.size === STEPS.length);
  }
}
