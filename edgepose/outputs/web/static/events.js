// Events: the latest ones of the device, narrowed by watch, kind and person.

import { make, show } from "/device.js";
import { LANGUAGE, say } from "/words.js";

const MOST = 300; // kept while the page is open

const element = (id) => document.getElementById(id);
const FILTERS = ["watch", "kind", "person"];

export class Events {
  constructor(titleOf) {
    this.titleOf = titleOf;
    this.seen = new Set();
    this.list = element("events");
    for (const name of FILTERS) element(`events-${name}`).addEventListener("change", () => this.narrow());
    element("events-all").addEventListener("click", () => this.showAll());
  }

  // Add an event; false for one that is known.
  add(event) {
    if (this.seen.has(event.id)) return false;
    this.seen.add(event.id);
    const row = this.row(event);
    this.list.prepend(row);
    while (this.list.children.length > MOST) this.list.lastChild.remove();
    this.offer("watch", event.name, this.titleOf(event.name));
    if (event.person) this.offer("person", String(event.person), say("person", { number: event.person }));
    this.narrow();
    return true;
  }

  row(event) {
    const time = new Date(1000 * event.time);
    const clock = time.toLocaleTimeString(LANGUAGE, { hourCycle: "h23" });
    const step = event.step ? ` · ${event.step.replaceAll("_", " ")}` : "";
    const what = make("span", {}, make("b", { "data-watch": event.name }, this.titleOf(event.name)), ` ${say(`event_${event.type}`)}${step}`);
    const row = make("li", {}, make("time", { datetime: time.toISOString() }, clock), what,
      make("span", { class: "muted" }, facts(event).join(" · ")));
    row.event = event;
    return row;
  }

  // Offer a choice of a filter that is not there yet, in the order of the words.
  offer(filter, value, words) {
    const choices = element(`events-${filter}`);
    const known = [...choices.options];
    if (known.some((option) => option.value === value)) return;
    const after = known.slice(1).find((option) => option.textContent.localeCompare(words, LANGUAGE, { numeric: true }) > 0);
    const option = make("option", { value, ...(filter === "watch" ? { "data-watch": value } : {}) }, words);
    choices.insertBefore(option, after ?? null);
  }

  narrow() {
    const [watch, kind, person] = FILTERS.map((name) => element(`events-${name}`).value);
    const kinds = kind.split(" ");
    const fits = ({ name, type, person: who }) =>
      (!watch || name === watch) && (!kind || kinds.includes(type)) && (!person || String(who) === person);
    const rows = [...this.list.children];
    let shown = 0;
    for (const row of rows) {
      show(row, fits(row.event));
      shown += row.hidden ? 0 : 1;
    }
    const isNarrow = Boolean(watch || kind || person);
    element("events-shown").textContent = isNarrow ? say("events_shown", { shown, count: rows.length }) : "";
    show(element("events-all"), isNarrow);
    show(element("no-events"), rows.length === 0);
    show(element("no-match"), rows.length > 0 && shown === 0);
  }

  showAll() {
    for (const name of FILTERS) element(`events-${name}`).value = "";
    this.narrow();
    element("events-watch").focus();
  }
}

function facts(event) {
  return [
    event.person ? say("person", { number: event.person }) : "",
    event.score > 0 ? say("score", { score: Math.round(100 * event.score) }) : "",
    event.held > 0 ? say("held_seconds", { seconds: event.held.toFixed(1) }) : "",
    ["start", "end", "rep", "set"].includes(event.type) && event.count ? `×${event.count}` : "",
    event.type === "partial" && LANGUAGE === "en" ? event.reason : "",
    ...(event.faults ?? []),
  ].filter(Boolean);
}
