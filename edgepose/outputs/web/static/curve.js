// The score of a watch over the last minute, with its thresholds as lines.

import { shape } from "/figure.js";
import { say } from "/words.js";

const SPAN = 60000; // ms
const WIDTH = 600;
const HEIGHT = 120;
const GAP = 2000; // ms without a score after which the line is broken
const STEP = 200; // ms between two points: 300 of them in a minute

export class Curve {
  constructor(title) {
    this.title = title;
    this.points = []; // [time, score], null where nobody is compared
    this.line = shape("path", { class: "curve-line" });
    this.marks = shape("g", { class: "curve-marks" });
    this.element = shape("svg", {
      viewBox: `0 0 ${WIDTH} ${HEIGHT}`, class: "curve", role: "img", preserveAspectRatio: "none",
    });
    this.element.append(this.marks, this.line);
  }

  // Draw a line for each threshold: {enter: 0.85, exit: 0.75}.
  mark(thresholds) {
    const lines = Object.entries(thresholds).filter(([, at]) => at != null);
    this.marks.replaceChildren(...lines.map(([name, at]) => shape("line", {
      class: name, x1: 0, x2: WIDTH, y1: height(at), y2: height(at), "vector-effect": "non-scaling-stroke",
    })));
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
    this.element.setAttribute("aria-label", say("curve_of", { title: this.title, score: percent }));
  }
}

function height(score) {
  return HEIGHT - 4 - (HEIGHT - 8) * Math.min(Math.max(score, 0), 1);
}
