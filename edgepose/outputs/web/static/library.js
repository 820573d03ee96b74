// Poses and exercises of the device: pictures, who uses them, rename, delete, watch for.

import { Refused, command, library, make, sentence, show, showDone, showError } from "/device.js";
import { Target } from "/figure.js";
import { say } from "/words.js";

const element = (id) => document.getElementById(id);
const PAUSE = 1000; // ms
const TRIES = 20;
const KINDS = { templates: "template", exercises: "exercise" };

export class Library {
  // changed: called when something on the device is different now.
  constructor(changed) {
    this.changed = changed;
    this.takes = [];
    element("library-find").addEventListener("input", () => this.narrow());
    element("rename-form").addEventListener("submit", () => this.rename());
    element("rename-cancel").addEventListener("click", () => element("rename-sheet").close());
    element("delete-cancel").addEventListener("click", () => element("delete-sheet").close());
    element("delete-form").addEventListener("submit", () => this.remove());
  }

  async open({ takes }) {
    this.takes = takes;
    await this.refresh(0);
  }

  // Ask again while this page's own output restarts.
  async refresh(tried) {
    try {
      this.fill(await library());
    } catch (error) {
      element("library-note").textContent = sentence(error);
      if (tried < TRIES) setTimeout(() => this.refresh(tried + 1), PAUSE);
    }
  }

  fill(found) {
    for (const [key, kind] of Object.entries(KINDS)) {
      const entries = (found[key] ?? []).sort((a, b) => b.own - a.own || a.name.localeCompare(b.name));
      element(`library-${key}`).replaceChildren(...entries.map((entry) => this.card(kind, entry)));
    }
    this.narrow();
  }

  card(kind, { name, title, own, taught, users, figures = [], error }) {
    const figure = new Target();
    figure.show(figures);
    const words = title ?? nameInWords(name);
    const about = error ? say("file_damaged") : users.length ? say("used_by", { watches: users.join(", ") }) : say(taught ? "taught_here" : own ? "own_file" : "shipped");
    const card = make("li", { class: "entry", "data-name": name }, make("div", { class: "entry-picture" }, figure.element),
      make("h3", {}, words), make("p", { class: "muted small" }, about),
      ...(error ? [make("p", { class: "small problem", lang: "en" }, error)] : []));
    card.words = `${words} ${name}`.toLowerCase();
    const buttons = [
      !users.length && !error && this.takes.includes("watch") ? this.button("watch_it", () => this.watch(kind, name), words) : null,
      taught && this.takes.includes("rename") ? this.button("rename", () => this.ask("rename", kind, name), words) : null,
      taught && !users.length && this.takes.includes("delete") ? this.button("delete", () => this.ask("delete", kind, name), words) : null,
    ].filter(Boolean);
    if (buttons.length) card.append(make("div", { class: "row" }, ...buttons));
    return card;
  }

  button(key, act, words) {
    const button = make("button", { type: "button", "data-do": key, "aria-label": `${say(key)}: ${words}` }, say(key));
    button.addEventListener("click", act);
    return button;
  }

  narrow() {
    const wanted = element("library-find").value.trim().toLowerCase();
    let shown = 0;
    for (const card of document.querySelectorAll(".entry")) {
      show(card, card.words.includes(wanted));
      shown += card.hidden ? 0 : 1;
    }
    element("library-note").textContent = shown ? "" : say("nothing_found");
  }

  ask(what, kind, name) {
    this.asked = { kind, name };
    element(`${what}-what`).textContent = nameInWords(name);
    if (what === "rename") element("rename-to").value = name;
    element(`${what}-sheet`).showModal();
  }

  async rename() {
    const to = element("rename-to").value;
    if (to !== this.asked.name) await this.carry("rename", { ...this.asked, to });
  }

  async remove() {
    await this.carry("delete", this.asked);
  }

  async watch(kind, name) {
    await this.carry("watch", { kind, name });
  }

  // Carry out a command; for a new watch the outputs restart, and its answer may get lost.
  async carry(name, value) {
    try {
      showDone(name, await command(name, value));
    } catch (error) {
      if (error instanceof Refused) showError(error);
    }
    this.changed();
    await this.refresh(0);
  }
}

function nameInWords(name) {
  return name.charAt(0).toUpperCase() + name.slice(1).replaceAll("_", " ");
}
