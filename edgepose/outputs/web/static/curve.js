// The score of a watch over the last minute, with its thresholds as lines that can be dragged.

import { make, show } from "/device.js";
import { shape } from "/figure.js";
import { say } from "/words.js";

const SPAN = 60000; // ms
const WIDTH = 600;
const HEIGHT = 120;
const GAP = 2000; // ms without a score after which the line is broken
const STEP = 200; // ms between two points: 300 of them in a minute
const EDGE = 4; // above the score 1, and below 0
const KEYS = { ArrowUp: 0.01, ArrowRight: 0.01, ArrowDown: -0.01, ArrowLeft: -0.01, PageUp: 0.1, PageDown: -0.1 };

export class Curve {
  // drag: called with the name of a threshold and where it was dragged to; null: they stay.
  constructor(title, drag = null) {
    this.title = title;
    this.drag = drag;
    this.points = []; // [time, score], null where nobody is compared
    this.line = shape("path", { class: "curve-line" });
    this.marks = shape("g", { class: "curve-marks" });
    this.picture = shape("svg", {
      viewBox: `0 0 ${WIDTH} ${HEIGHT}`, class: "curve", role: "img", preserveAspectRatio: "none",
    });
    this.picture.append(this.marks, this.line);
    this.handles = drag ? Object.fromEntries(["enter", "exit"].map((name) => [name, new Handle(this, name)])) : {};
    const handles = Object.values(this.handles).map((handle) => handle.element);
    this.element = make("div", { class: "curve-box" }, this.picture, ...handles);
  }

  // Draw a line for each threshold: {enter: 0.85, exit: 0.75}.
  mark(thresholds) {
    const lines = Object.entries(thresholds).filter(([, at]) => at != null);
    this.marks.replaceChildren(...lines.map(([name, at]) => shape("line", {
      class: name, x1: 0, x2: WIDTH, y1: height(at), y2: height(at), "vector-effect": "non-scaling-stroke",
    })));
    for (const [name, handle] of Object.entries(this.handles)) handle.place(thresholds[name]);
  }

  add(score, now) {
    const last = this.points.at(-1);
    if (last && now - last[0] < STEP) return;
    this.points.push([now, score]);
    while (now - this.points[0][0] > SPAN) this.points.shift();
    this.draw(now);
  }

  draw(now) {
    let before = -Infinity;
    const parts = this.points.map(([time, score]) => {
      if (score == null) return (before = -Infinity), "";
      const pen = time - before > GAP ? "M" : "L";
      before = time;
      return `${pen}${(WIDTH * (1 - (now - time) / SPAN)).toFixed(1)} ${height(score).toFixed(1)}`;
    });
    this.line.setAttribute("d", parts.join(""));
    this.line.setAttribute("vector-effect", "non-scaling-stroke");
    const score = this.points.at(-1)[1];
    const percent = score == null ? "–" : Math.round(100 * score);
    this.picture.setAttribute("aria-label", say("curve_of", { title: this.title, score: percent }));
  }
}

function height(score) {
  return HEIGHT - EDGE - (HEIGHT - 2 * EDGE) * Math.min(Math.max(score, 0), 1);
}

// The grip of a threshold on the curve: for a finger, a mouse and the arrow keys.
class Handle {
  constructor(curve, name) {
    this.curve = curve;
    this.name = name;
    this.element = make("div", {
      class: `handle ${name}`, role: "slider", tabindex: "0", "aria-orientation": "vertical",
      "aria-label": `${say(name)}: ${curve.title}`, "aria-valuemin": 0, "aria-valuemax": 100,
    }, make("span", {}));
    this.element.addEventListener("pointerdown", (event) => this.take(event));
    this.element.addEventListener("pointermove", (event) => this.move(event));
    this.element.addEventListener("pointerup", () => (this.grip = null));
    this.element.addEventListener("pointercancel", () => (this.grip = null));
    this.element.addEventListener("keydown", (event) => this.press(event));
  }

  place(at) {
    show(this.element, at != null);
    if (at == null) return;
    this.at = at;
    this.element.style.top = `${(100 * height(at)) / HEIGHT}%`;
    this.element.setAttribute("aria-valuenow", Math.round(100 * at));
    this.element.firstChild.textContent = `${say(`mark_${this.name}`)} ${Math.round(100 * at)}`;
  }

  take(event) {
    this.element.setPointerCapture(event.pointerId);
    this.grip = { y: event.clientY, at: this.at }; // it does not jump to the finger
    event.preventDefault();
    this.element.focus();
  }

  move({ clientY }) {
    if (!this.grip) return;
    const tall = (this.curve.picture.getBoundingClientRect().height * (HEIGHT - 2 * EDGE)) / HEIGHT;
    this.set(this.grip.at + (this.grip.y - clientY) / tall);
  }

  press(event) {
    if (!(event.key in KEYS)) return;
    event.preventDefault();
    this.set(this.at + KEYS[event.key]);
  }

  set(wanted) {
    const at = Math.round(100 * Math.min(Math.max(wanted, 0.02), 1)) / 100;
    if (at !== this.at) this.curve.drag(this.name, at);
  }
}
