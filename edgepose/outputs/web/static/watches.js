// A card for each watch: score against its thresholds, advice, and sliders to tune it.

import { carryOut, make, show } from "/device.js";
import { Curve } from "/curve.js";
import { Figure, Target } from "/figure.js";
import { Targets } from "/targets.js";
import { say } from "/words.js";

const ORDERS = { start: say("start"), skip: say("skip_step"), stop: say("stop") };
const FINISHED_SHOWN = 60000; // ms, unless the next round begins
const SHOWN = ["active", "releasing"];
const GAP = 0.01; // exit stays below enter
const SEND_DELAY = 150; // ms without movement until a slider's value is sent

const score = (value) => value.toFixed(2).replace(/^1\.00$/, "1.0");
const seconds = (value) => `${value.toFixed(1)} s`;

// Thresholds in the order in which a pose meets them. Values beyond a slider's range are kept.
const SLIDERS = [
  { key: "enter", title: say("enter"), about: say("enter_about"), min: 0.3, max: 1, step: 0.01, text: score },
  { key: "exit", title: say("exit"), about: say("exit_about"), min: 0.2, max: 0.99, step: 0.01, text: score },
  { key: "hold", title: say("hold"), about: say("hold_about"), min: 0, max: 10, step: 0.1, text: seconds },
  { key: "release", title: say("release"), about: say("release_about"), min: 0, max: 5, step: 0.1, text: seconds },
  { key: "cooldown", title: say("cooldown"), about: say("cooldown_about"), min: 0, max: 60, step: 0.5, text: seconds },
  { key: "angle_deviation", title: say("tolerance"), about: say("tolerance_about"), min: 5, max: 60, step: 1, text: (value) => `${value.toFixed(0)}°`, fallback: 20, unset: say("as_in_template") },
];

class Slider {
  constructor(watch, spec, changed) {
    this.spec = spec;
    this.changed = changed;
    const id = `${watch.id}-${spec.key}`;
    const { min, max, step } = spec;
    this.input = make("input", { type: "range", id, name: spec.key, min, max, step, "aria-describedby": `${id}-about` });
    this.output = make("output", { for: id });
    const label = make("label", { for: id }, spec.title);
    const about = make("p", { class: "muted small", id: `${id}-about` }, spec.about);
    this.element = make("div", { class: "slider" }, label, this.output, this.input, about);
    this.input.addEventListener("input", () => {
      this.render(this.value);
      changed(spec.key, this.value);
    });
  }

  get value() {
    return Number(this.input.value);
  }

  set(value) {
    this.input.value = value ?? this.spec.fallback;
    this.render(value);
  }

  render(value) {
    const { min, max, text, unset } = this.spec;
    const words = value == null ? unset : text(value);
    this.output.textContent = words;
    this.input.setAttribute("aria-valuetext", words);
    this.input.style.setProperty("--at", `${(100 * (this.value - min)) / (max - min)}%`);
  }
}

class Card {
  constructor(name, title, kind, id, takes, changed, targets) {
    this.targets = targets;
    this.name = name;
    this.title = title;
    this.kind = kind;
    this.takes = takes;
    this.id = id;
    this.changed = changed;
    this.thresholds = {};
    this.pending = {};
    this.build();
  }

  build() {
    this.phase = make("span", { class: "phase" }, say("phase_idle"));
    this.times = make("span", { class: "times" });
    this.number = make("span", { class: "score-number is-unknown" }, "–");
    this.fill = make("div", { class: "bar-fill" });
    this.marks = { enter: this.mark("enter"), exit: this.mark("exit") };
    this.bar = make("div", { class: "bar", role: "meter", "aria-label": say("score_of", { title: this.title }), "aria-valuemin": 0, "aria-valuemax": 100 },
      make("div", { class: "bar-track" }, this.fill), this.marks.enter, this.marks.exit);
    this.progress = make("i");
    const canTune = this.takes.includes("thresholds");
    this.curve = new Curve(this.title, canTune ? (key, value) => this.tune(key, value) : null);
    this.figure = new Figure();
    this.goalFigure = new Target();
    this.advice = make("ul", { class: "advice" });
    this.buildSteps();
    const title = make("h2", { id: this.id }, this.title);
    this.element = make("article", { class: "card watch", "aria-labelledby": this.id },
      make("div", { class: "watch-head" }, title, this.times, this.phase),
      this.steps,
      make("div", { class: "score" }, this.number, this.bar),
      make("div", { class: "hold" }, this.progress),
      make("figure", { class: "minute" }, this.curve.element, make("figcaption", { class: "muted" }, say("last_minute"))),
      make("div", { class: "reading" }, this.figure.element, this.goalFigure.element, this.advice));
    if (canTune) this.element.append(this.tuning());
    this.update({ phase: "idle", advice: [] });
  }

  // Of a routine: the running step, and buttons to direct it.
  buildSteps() {
    this.step = make("p", { class: "step" });
    this.left = make("span", { class: "left" });
    this.next = make("span", { class: "muted" });
    this.orders = {};
    for (const [order, text] of Object.entries(ORDERS)) {
      this.orders[order] = make("button", { type: "button", "data-do": order }, text);
      this.orders[order].addEventListener("click", () => carryOut("routine", { watch: this.name, do: order }));
    }
    this.steps = make("div", { class: "steps", hidden: "" }, this.step, make("p", { class: "step-more" }, this.left, this.next), make("div", { class: "row" }, ...Object.values(this.orders)));
  }

  showStep(step) {
    show(this.steps, step != null);
    if (step == null) return;
    if (step.number) this.finished = null;
    this.step.textContent = step.number ? say("step_of", step) : this.finishedWords() || step.title;
    this.left.textContent = step.left == null ? "" : say("step_left", { seconds: Math.ceil(step.left) });
    this.next.textContent = step.number && step.following ? say("next_step", { title: step.following }) : "";
    const canDirect = this.takes.includes("routine");
    show(this.orders.start, canDirect && step.number === 0);
    show(this.orders.skip, canDirect && step.number > 0);
    show(this.orders.stop, canDirect && step.number > 0);
  }

  // Remember the end of a routine, to be shown until the next one begins.
  finish({ seconds, score }) {
    this.finished = { seconds: Math.round(seconds), percent: Math.round(100 * score), at: Date.now() };
  }

  finishedWords() {
    const isOver = !this.finished || Date.now() - this.finished.at > FINISHED_SHOWN;
    return isOver ? "" : say("routine_finished", this.finished);
  }

  mark(kind) {
    return make("div", { class: `mark ${kind}`, "aria-hidden": "true" }, make("span", {}, say(`mark_${kind}`)));
  }

  tuning() {
    this.sliders = SLIDERS.map((spec) => new Slider(this, spec, (key, value) => this.tune(key, value)));
    const fields = make("div", { class: "sliders" }, ...this.sliders.map((slider) => slider.element));
    this.details = make("details", {}, make("summary", {}, say("thresholds")), fields);
    return this.details;
  }

  // Show the thresholds of the device; those being changed here are newer.
  configure(thresholds) {
    this.thresholds = { ...thresholds, ...this.pending };
    for (const slider of this.sliders ?? []) {
      const known = slider.spec.key in this.thresholds;
      show(slider.element, known);
      if (known && !(slider.spec.key in this.pending)) slider.set(this.thresholds[slider.spec.key]);
    }
    if (this.details) show(this.details, SLIDERS.some((spec) => spec.key in this.thresholds));
    this.placeMarks();
  }

  placeMarks() {
    for (const [kind, mark] of Object.entries(this.marks)) {
      const at = this.thresholds[kind];
      show(mark, at != null);
      mark.style.left = `${100 * (at ?? 0)}%`;
    }
    this.markCurve();
  }

  // An exercise has its target at 1, a pose its thresholds; a routine's step may be either.
  markCurve() {
    const { enter, exit } = this.thresholds;
    this.curve.mark(this.counts ? { target: 1 } : { enter, exit });
  }

  tune(key, value) {
    Object.assign(this.pending, { [key]: value }, this.coupled(key, value));
    Object.assign(this.thresholds, this.pending);
    for (const slider of this.sliders) {
      if (slider.spec.key !== key && slider.spec.key in this.pending) slider.set(this.pending[slider.spec.key]);
    }
    this.placeMarks();
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.flush(), SEND_DELAY);
  }

  // Send changes that are still waiting; return when the device has them.
  flush() {
    clearTimeout(this.timer);
    if (Object.keys(this.pending).length) this.sending = this.send();
    return this.sending;
  }

  // Enter and exit move each other: exit is always below enter.
  coupled(key, value) {
    const rounded = (number) => Math.round(100 * number) / 100;
    if (key === "enter" && this.thresholds.exit > value - GAP) return { exit: rounded(value - GAP) };
    if (key === "exit" && this.thresholds.enter < value + GAP) return { enter: rounded(value + GAP) };
    return {};
  }

  async send() {
    const sent = { ...this.pending };
    const done = await carryOut("thresholds", { watch: this.name, ...sent }, { quiet: true });
    for (const key of Object.keys(sent)) {
      if (this.pending[key] === sent[key]) delete this.pending[key];
    }
    this.changed(done);
  }

  update(watch, poses = {}) {
    const counts = watch.kind !== "pose";
    const known = watch.limbs != null || (counts && (watch.person > 0 || watch.kind === "rest"));
    if (counts !== this.counts) {
      this.counts = counts;
      this.markCurve();
    }
    this.showParts(watch, known, known && poses[watch.person] != null);
    this.curve.add(known ? watch.score : null, Date.now());
    const isShown = SHOWN.includes(watch.phase);
    const percent = Math.round(100 * (watch.score ?? 0));
    this.number.textContent = known ? this.amount(watch) ?? percent : "–";
    this.number.classList.toggle("is-unknown", !known);
    this.fill.style.transform = `scaleX(${known ? watch.score : 0})`;
    this.bar.classList.toggle("is-met", known && watch.score >= (this.thresholds.enter ?? 1));
    this.bar.setAttribute("aria-valuenow", percent);
    this.progress.style.transform = `scaleX(${watch.progress ?? 0})`;
    this.phase.textContent = say(`phase_${watch.phase}`);
    this.times.textContent = this.goal(watch);
    this.element.classList.toggle("is-active", isShown);
    this.element.classList.toggle("is-holding", watch.phase === "holding");
    this.figure.show(watch.limbs ?? {}, watch.off ?? [], isShown, known ? poses[watch.person] : null, !counts);
    this.goalFigure.show(this.targets.of(watch, this.thresholds));
    this.showStep(watch.step);
    this.showAdvice(watch, known);
  }

  // The large number: repetitions, seconds held or left; null for a pose, which has a score.
  amount({ kind, count, held, hold }) {
    if (kind === "exercise") return String(count);
    if (kind === "hold") return String(Math.floor(held));
    return kind === "rest" ? String(Math.ceil(Math.max(hold - held, 0))) : null;
  }

  goal({ kind, count, goal }) {
    if (kind === "hold") return goal ? say("of_goal", { goal: say("seconds", { seconds: goal }) }) : say("seconds", { seconds: "" });
    if (kind === "exercise") return goal ? say("of_goal", { goal }) : "";
    return count ? `×${count}` : "";
  }

  // A routine that waits has no score; only a pose has limbs to compare.
  showParts({ step, kind, limbs }, known, hasPose) {
    const isIdle = step != null && step.number === 0 && limbs == null;
    for (const part of this.element.querySelectorAll(".score, .hold, .minute, .reading")) show(part, !isIdle);
    this.figure.element.toggleAttribute("hidden", kind !== "pose" && !hasPose);
    this.element.classList.toggle("is-empty", !known);
  }

  showAdvice(watch, known) {
    const counts = watch.kind !== "pose";
    const nothing = known ? (counts ? "seen_now" : "every_limb") : "nobody_to_compare";
    const words = watch.advice.length ? watch.advice : [say(nothing)];
    const kind = watch.advice.length ? "" : known ? "fine" : "none";
    const lines = words.join("\n") + kind;
    if (lines === this.lines) return;
    this.lines = lines;
    this.advice.replaceChildren(...words.map((text) => make("li", kind ? { class: kind } : {}, text)));
  }
}

export class Watches {
  constructor(changed) {
    this.changed = changed;
    this.targets = new Targets();
    this.cards = new Map();
    this.box = document.getElementById("watches");
    this.none = document.getElementById("no-watches");
  }

  get names() {
    return [...this.cards.keys()];
  }

  configure(thresholds, page) {
    for (const [name, values] of Object.entries(thresholds)) {
      const card = this.card(name, page);
      card.configure(values ?? {});
      show(card.element, values?.is_on !== false); // the profile in use may leave it out
    }
    for (const name of this.names.filter((known) => !(known in thresholds))) this.drop(name);
    show(this.none, this.cards.size === 0);
  }

  card(name, { titles, kinds, takes }) {
    if (!this.cards.has(name)) {
      this.made = (this.made ?? 0) + 1;
      const card = new Card(name, titles[name] ?? name, kinds[name] ?? "pose", `watch-${this.made}`, takes, this.changed, this.targets);
      this.cards.set(name, card);
      this.box.append(card.element);
    }
    return this.cards.get(name);
  }

  drop(name) {
    this.cards.get(name).element.remove();
    this.cards.delete(name);
  }

  // Show the end of a routine on its card.
  event(event) {
    if (event.type === "finished") this.cards.get(event.name)?.finish(event);
  }

  title(name) {
    return this.cards.get(name)?.title ?? name;
  }

  kind(name) {
    return this.cards.get(name)?.kind ?? "pose";
  }

  async flush() {
    await Promise.all([...this.cards.values()].map((card) => card.flush()));
  }

  update(watches, poses) {
    for (const watch of watches) this.cards.get(watch.name)?.update(watch, poses);
  }
}
