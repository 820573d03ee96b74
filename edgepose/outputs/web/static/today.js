// What was done: the sets of today by exercise and person, and bars of the last days.

import { history, make, show } from "/device.js";
import { shape } from "/figure.js";
import { LANGUAGE, say } from "/words.js";

const DAYS = 14;
const WIDTH = 280;
const HEIGHT = 56;
const MOST = 8; // sets of an exercise that are shown

const element = (id) => document.getElementById(id);

export class Today {
  constructor(titleOf, kindOf) {
    this.titleOf = titleOf;
    this.kindOf = kindOf;
  }

  async refresh() {
    const found = await history().catch(() => null);
    if (!found?.today) return;
    const text = JSON.stringify(found);
    if (text === this.shown) return;
    this.shown = text;
    this.showSets(found);
    this.showDays(found);
  }

  showSets({ sets, days, today }) {
    const groups = new Map();
    for (const row of days.filter(({ day }) => day === today)) groups.set(row.watch, { day: row, sets: [] });
    for (const row of sets) {
      const key = row.step ? `${row.watch}: ${row.step}` : row.watch;
      if (!groups.has(key)) groups.set(key, { day: null, sets: [] });
      groups.get(key).sets.push(row);
    }
    const cards = [...groups].filter(([, group]) => group.sets.length || worth(group.day));
    element("today").replaceChildren(...cards.map(([key, group]) => this.group(key, group)));
    show(element("no-today"), cards.length === 0);
  }

  // The title of a watch, or of a routine's step: "workout: squat".
  title(key, step) {
    const [watch, name] = key.split(": ");
    return name ? `${this.titleOf(watch)}: ${step || words(name)}` : this.titleOf(watch);
  }

  group(key, { day, sets }) {
    const total = day ? this.total(day) : "";
    const head = make("div", { class: "done-head" },
      make("h3", {}, this.title(key, (day ?? sets[0]).step_title)), make("span", { class: "muted" }, total));
    const lines = sets.slice(0, MOST).map((row) => this.line(row));
    return make("section", { class: "done" }, head, make("ol", { class: "sets" }, ...lines));
  }

  total(day) {
    const kind = this.kindOf(day.watch.split(": ")[0]);
    if (kind === "hold" || (kind === "routine" && day.held && !day.sets)) return say("held_seconds", { seconds: Math.round(day.held) });
    if (kind === "routine" && !day.watch.includes(": ")) return say("finished_times", { count: day.repetitions });
    if (kind === "pose" || kind === "class") return say("shown_times", { count: day.repetitions });
    return day.repetitions === 1 ? say("one_repetition") : say("repetitions", { count: day.repetitions });
  }

  line(row) {
    const time = new Date(1000 * row.time);
    const clock = time.toLocaleTimeString(LANGUAGE, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
    const faults = Object.entries(row.faults ?? {}).map(([text, count]) => `${text} ×${count}`);
    const span = row.range ? say("range", whole(row.range)) : "";
    const notes = [span, ...faults].filter(Boolean).join(" · ");
    return make("li", { class: isReached(row) ? "is-reached" : "" },
      make("time", { datetime: time.toISOString() }, clock),
      make("span", { class: "who muted" }, row.person ? say("person", { number: row.person }) : ""),
      make("b", {}, amount(row)),
      ...(notes ? [make("span", { class: "muted small notes" }, notes)] : []));
  }

  showDays({ days, today }) {
    const names = [...new Set(days.map(({ watch }) => watch))];
    const charts = names.map((name) => this.chart(name, days.filter(({ watch }) => watch === name), today));
    element("days").replaceChildren(...charts.filter(Boolean));
    show(element("history"), charts.some(Boolean));
  }

  chart(name, rows, today) {
    const isHeld = this.kindOf(name.split(": ")[0]) === "hold";
    const values = new Map(rows.map((row) => [row.day, isHeld ? row.held : row.repetitions]));
    const most = Math.max(...values.values());
    if (!(most > 0)) return null;
    const title = this.title(name, rows[0].step_title);
    const unit = (value) => (isHeld ? say("seconds", { seconds: Math.round(value) }) : String(value));
    const svg = shape("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT + 16}`, class: "days", role: "img" });
    const label = [];
    lastDays(today).forEach((day, i) => {
      const value = values.get(day) ?? 0;
      const [x, tall] = [(WIDTH / DAYS) * i, (HEIGHT * value) / most];
      svg.append(shape("rect", { x: x + 2, y: HEIGHT - tall, width: WIDTH / DAYS - 4, height: Math.max(tall, 1), rx: 2, class: value ? "bar-day" : "bar-none" }));
      if (value) label.push(`${short(day)}: ${unit(value)}`);
      if (i % 3 === 1) {
        const text = shape("text", { x: i === DAYS - 1 ? WIDTH : x + WIDTH / DAYS / 2, y: HEIGHT + 13, "text-anchor": i === DAYS - 1 ? "end" : "middle" });
        text.textContent = short(day);
        svg.append(text);
      }
    });
    svg.setAttribute("aria-label", `${say("per_day", { title: title })}: ${label.join(", ")}`);
    const head = make("div", { class: "done-head" }, make("h3", {}, title),
      make("span", { class: "muted" }, say("best_day", { count: unit(most) })));
    return make("section", { class: "done" }, head, svg);
  }
}

const words = (name) => name.charAt(0).toUpperCase() + name.slice(1).replaceAll("_", " ");

// Degrees without their fractions; other signals are smaller than ten.
function whole([least, most]) {
  return most - least > 10 ? { least: Math.round(least), most: Math.round(most) } : { least, most };
}

function worth(day) {
  return day && (day.repetitions > 0 || day.held > 0);
}

function isReached({ kind, count, held, goal, score }) {
  if (kind === "routine") return score >= 1;
  return goal > 0 && (kind === "hold" ? held : count) >= goal;
}

function amount({ kind, count, held, goal, seconds, score }) {
  if (kind === "routine") return `${Math.round(100 * score)} % · ${say("seconds", { seconds: Math.round(seconds) })}`;
  const done = kind === "hold" ? say("seconds", { seconds: Math.round(held) }) : String(count);
  const whole = goal ? `${done} ${say("of_goal", { goal })}` : done;
  return kind === "exercise" && seconds ? `${whole} · ${say("seconds", { seconds: Math.round(seconds) })}` : whole;
}

// The dates of the last two weeks, the oldest first: "2026-11-28".
function lastDays(today) {
  const [year, month, day] = today.split("-").map(Number);
  return Array.from({ length: DAYS }, (_, i) =>
    new Date(Date.UTC(year, month - 1, day - DAYS + 1 + i)).toISOString().slice(0, 10));
}

function short(day) {
  const [year, month, date] = day.split("-").map(Number);
  return new Date(year, month - 1, date).toLocaleDateString(LANGUAGE, { day: "numeric", month: "short" });
}
