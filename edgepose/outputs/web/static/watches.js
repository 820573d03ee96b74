// A card for each watch: score against its thresholds, advice, and sliders to tune it.

import { carryOut, make, show } from "/device.js";
import { Figure } from "/figure.js";

const PHASES = {
  idle: "Waiting", holding: "Hold it", active: "Shown", releasing: "Shown", cooldown: "Pausing",
};
const ORDERS = { start: "Start", skip: "Skip step", stop: "Stop" };
const SHOWN = ["active", "releasing"];
const GAP = 0.01; // exit stays below enter
const SEND_DELAY = 150; // ms without movement until a slider's value is sent

const score = (value) => value.toFixed(2).replace(/^1\.00$/, "1.0");
const seconds = (value) => `${value.toFixed(1)} s`;

// Thresholds in the order in which a pose meets them. Values beyond a slider's range are kept.
const SLIDERS = [
  { key: "enter", title: "Enter", about: "Score from which the pose is shown", min: 0.3, max: 1, step: 0.01, text: score },
  { key: "exit", title: "Exit", about: "Score below which the pose ends", min: 0.2, max: 0.99, step: 0.01, text: score },
  { key: "hold", title: "Hold", about: "How long the pose must be held to count", min: 0, max: 10, step: 0.1, text: seconds },
  { key: "release", title: "Release", about: "Time below exit until the pose ends", min: 0, max: 5, step: 0.1, text: seconds },
  { key: "cooldown", title: "Cooldown", about: "Pause until the pose can count again", min: 0, max: 60, step: 0.5, text: seconds },
  { key: "angle_deviation", title: "Tolerance", about: "How far a limb may be off", min: 5, max: 60, step: 1, text: (value) => `${value.toFixed(0)}°`, fallback: 20, unset: "as in the template" },
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
  constructor(name, id, canTune, changed) {
    this.name = name;
    this.id = id;
    this.changed = changed;
    this.thresholds = {};
    this.pending = {};
    this.build(canTune);
  }

  build(canTune) {
    this.phase = make("span", { class: "phase" }, PHASES.idle);
    this.times = make("span", { class: "times" });
    this.number = make("span", { class: "score-number is-unknown" }, "–");
    this.fill = make("div", { class: "bar-fill" });
    this.marks = { enter: this.mark("enter"), exit: this.mark("exit") };
    this.bar = make("div", { class: "bar", role: "meter", "aria-label": `Score of ${this.name}`, "aria-valuemin": 0, "aria-valuemax": 100 },
      make("div", { class: "bar-track" }, this.fill), this.marks.enter, this.marks.exit);
    this.progress = make("i");
    this.figure = new Figure();
    this.advice = make("ul", { class: "advice" });
    this.buildSteps();
    const title = make("h2", { id: this.id }, this.name);
    this.element = make("article", { class: "card watch", "aria-labelledby": this.id },
      make("div", { class: "watch-head" }, title, this.times, this.phase),
      this.steps,
      make("div", { class: "score" }, this.number, this.bar),
      make("div", { class: "hold" }, this.progress),
      make("div", { class: "reading" }, this.figure.element, this.advice));
    if (canTune) this.element.append(this.tuning());
    this.update({ phase: "idle", advice: [] });
  }

  // Of a routine: the running step, and buttons to direct it.
  buildSteps() {
    this.step = make("p", { class: "step" });
    this.orders = {};
    for (const [order, text] of Object.entries(ORDERS)) {
      this.orders[order] = make("button", { type: "button", "data-do": order }, text);
      this.orders[order].addEventListener("click", () => carryOut("routine", { watch: this.name, do: order }));
    }
    this.steps = make("div", { class: "steps", hidden: "" }, this.step, make("div", { class: "row" }, ...Object.values(this.orders)));
  }

  showStep(step) {
    show(this.steps, step != null);
    if (step == null) return;
    const left = step.left == null ? "" : `, ${Math.ceil(step.left)} s left`;
    this.step.textContent = step.number ? `Step ${step.number} of ${step.steps}: ${step.title}${left}` : step.title;
    show(this.orders.start, step.number === 0);
    show(this.orders.skip, step.number > 0);
    show(this.orders.stop, step.number > 0);
  }

  mark(kind) {
    return make("div", { class: `mark ${kind}`, "aria-hidden": "true" }, make("span", {}, kind));
  }

  tuning() {
    this.sliders = SLIDERS.map((spec) => new Slider(this, spec, (key, value) => this.tune(key, value)));
    const fields = make("div", { class: "sliders" }, ...this.sliders.map((slider) => slider.element));
    this.details = make("details", {}, make("summary", {}, "Thresholds"), fields);
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

  update(watch) {
    const known = watch.limbs != null;
    const isShown = SHOWN.includes(watch.phase);
    const percent = Math.round(100 * (watch.score ?? 0));
    this.number.textContent = known ? percent : "–";
    this.number.classList.toggle("is-unknown", !known);
    this.fill.style.transform = `scaleX(${known ? watch.score : 0})`;
    this.bar.classList.toggle("is-met", known && watch.score >= (this.thresholds.enter ?? 1));
    this.bar.setAttribute("aria-valuenow", percent);
    this.progress.style.transform = `scaleX(${watch.progress ?? 0})`;
    this.phase.textContent = PHASES[watch.phase] ?? watch.phase;
    this.times.textContent = watch.count ? `×${watch.count}` : "";
    this.element.classList.toggle("is-active", isShown);
    this.element.classList.toggle("is-holding", watch.phase === "holding");
    this.figure.show(watch.limbs ?? {}, watch.off ?? [], isShown);
    this.showStep(watch.step);
    this.showAdvice(watch, known);
  }

  showAdvice(watch, known) {
    const words = watch.advice.length ? watch.advice : [known ? "Every limb matches" : "Nobody to compare"];
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
    this.cards = new Map();
    this.box = document.getElementById("watches");
    this.none = document.getElementById("no-watches");
  }

  get names() {
    return [...this.cards.keys()];
  }

  configure(thresholds, canTune) {
    for (const [name, values] of Object.entries(thresholds)) {
      const card = this.card(name, canTune);
      card.configure(values ?? {});
      show(card.element, values?.is_on !== false); // the profile in use may leave it out
    }
    for (const name of this.names.filter((known) => !(known in thresholds))) this.drop(name);
    show(this.none, this.cards.size === 0);
  }

  card(name, canTune) {
    if (!this.cards.has(name)) {
      this.made = (this.made ?? 0) + 1;
      const card = new Card(name, `watch-${this.made}`, canTune, this.changed);
      this.cards.set(name, card);
      this.box.append(card.element);
    }
    return this.cards.get(name);
  }

  drop(name) {
    this.cards.get(name).element.remove();
    this.cards.delete(name);
  }

  async flush() {
    await Promise.all([...this.cards.values()].map((card) => card.flush()));
  }

  update(watches) {
    for (const watch of watches) this.cards.get(watch.name)?.update(watch);
  }
}
