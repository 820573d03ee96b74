// A drawn body whose limbs have the colours of the match: shows which one is off, also without a
// picture.
// As in the camera's picture, the person's left is on the right.

import { say } from "/words.js";

const SVG = "http://www.w3.org/2000/svg";

const LIMBS = {
  shoulders: [36, 40, 64, 40],
  hips: [41, 80, 59, 80],
  left_side: [64, 40, 59, 80],
  right_side: [36, 40, 41, 80],
  left_upper_arm: [64, 40, 77, 59],
  right_upper_arm: [36, 40, 23, 59],
  left_forearm: [77, 59, 82, 82],
  right_forearm: [23, 59, 18, 82],
  left_thigh: [59, 80, 63, 108],
  right_thigh: [41, 80, 37, 108],
  left_shin: [63, 108, 65, 136],
  right_shin: [37, 108, 35, 136],
};

export function shape(tag, attributes) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  return element;
}

// The keypoints at both ends of each limb.
const ENDS = {
  shoulders: [5, 6], hips: [11, 12], left_side: [5, 11], right_side: [6, 12],
  left_upper_arm: [5, 7], right_upper_arm: [6, 8], left_forearm: [7, 9], right_forearm: [8, 10],
  left_thigh: [11, 13], right_thigh: [12, 14], left_shin: [13, 15], right_shin: [14, 16],
};
const HEAD = [[50, 20]];
const WIDTH = 100;
const HEIGHT = 150;
const EDGE = 12; // around a figure, for its head and its thick lines

// Return a function that places points of one or more figures on the drawing, all in one scale.
function fitted(figures) {
  const known = figures.flat().filter((point) => point);
  const [ys, xs] = [known.map(([y]) => y), known.map(([, x]) => x)];
  const [top, left, bottom, right] = [Math.min(...ys), Math.min(...xs), Math.max(...ys), Math.max(...xs)];
  const scale = Math.min((WIDTH - 2 * EDGE) / Math.max(right - left, 1), (HEIGHT - 2 * EDGE) / Math.max(bottom - top, 1));
  return ([y, x]) => [WIDTH / 2 + scale * (x - (left + right) / 2), HEIGHT / 2 + scale * (y - (top + bottom) / 2)];
}

// A body of lines, by limb, and a circle for the head.
class Body {
  constructor() {
    this.lines = Object.fromEntries(Object.keys(LIMBS).map((name) => [name, shape("line", { "data-limb": name })]));
    this.head = shape("circle", { r: 9 });
    this.element = shape("g", {});
    this.element.append(...Object.values(this.lines), this.head);
    this.place(null);
  }

  // Place 17 points of [y, x]; null: the body that stands in for them.
  place(points, at = points ? fitted([points]) : null) {
    for (const [name, line] of Object.entries(this.lines)) {
      const [start, end] = points ? ENDS[name].map((i) => points[i] && at(points[i])) : [LIMBS[name].slice(0, 2), LIMBS[name].slice(2)];
      line.toggleAttribute("hidden", !start || !end);
      if (start && end) this.put(line, { x1: start[0], y1: start[1], x2: end[0], y2: end[1] });
    }
    const head = points ? points.slice(0, 5).filter((point) => point).map(at) : HEAD;
    this.head.toggleAttribute("hidden", head.length === 0);
    const mean = (i) => head.reduce((sum, place) => sum + place[i], 0) / head.length;
    if (head.length) this.put(this.head, { cx: mean(0), cy: mean(1) });
  }

  put(element, places) {
    for (const [name, value] of Object.entries(places)) element.setAttribute(name, value.toFixed(1));
  }
}

// The person as they stand, with the limbs in the colours of the match.
export class Figure {
  constructor() {
    this.body = new Body();
    this.element = shape("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, class: "body", role: "img" });
    this.element.append(this.body.element);
    this.show({}, [], false);
  }

  // points: 17 of [y, x], null where no keypoints are shown. isPose: limbs are compared.
  show(limbs, off, isMet, points = null, isPose = true) {
    this.body.place(points);
    const { lines } = this.body;
    for (const [name, line] of Object.entries(lines)) line.setAttribute("class", isPose ? limbs[name] || "unknown" : "plain");
    // Limbs that are off come last, so that nothing is drawn over them.
    for (const { limb } of off) this.body.element.append(lines[limb]);
    this.element.classList.toggle("is-met", isMet);
    const words = !isPose ? say("figure_you") : off.length ? say("limbs_off", { count: off.length }) : say("no_limb_off");
    this.element.setAttribute("aria-label", words);
  }
}

// The figure to be copied: a pose, or an exercise that goes from its start to its target and back.
export class Target {
  constructor() {
    this.element = shape("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, class: "body target", role: "img", "aria-label": say("figure_target"), hidden: "" });
    this.shown = "";
  }

  // figures: one or two of 17 points; none: nothing to show.
  show(figures = []) {
    const key = JSON.stringify(figures);
    if (key === this.shown) return;
    this.shown = key;
    this.element.toggleAttribute("hidden", figures.length === 0);
    const at = figures.length ? fitted(figures) : null;
    const bodies = figures.map((points) => {
      const body = new Body();
      body.place(points, at);
      return body.element;
    });
    this.element.classList.toggle("is-moving", bodies.length > 1);
    this.element.replaceChildren(...bodies);
  }
}

const KEYPOINT_PAIRS = [
  [5, 6], [11, 12], [5, 11], [6, 12], [5, 7], [6, 8],
  [7, 9], [8, 10], [11, 13], [12, 14], [13, 15], [14, 16],
];

// Return a drawing of 17 points of [y, x], null for those that are unseen.
export function drawing(points) {
  const known = points.filter((point) => point);
  const [ys, xs] = [known.map(([y]) => y), known.map(([, x]) => x)];
  const [top, left] = [Math.min(...ys), Math.min(...xs)];
  const size = Math.max(Math.max(...ys) - top, Math.max(...xs) - left, 1);
  const place = ([y, x]) => [10 + (100 * (x - left)) / size, 10 + (100 * (y - top)) / size];
  const width = 20 + (100 * (Math.max(...xs) - left)) / size;
  const height = 20 + (100 * (Math.max(...ys) - top)) / size;
  const svg = shape("svg", { viewBox: `0 0 ${width} ${height}`, class: "taught-drawing", role: "img", "aria-label": say("pose_drawn") });
  for (const [a, b] of KEYPOINT_PAIRS) {
    if (!points[a] || !points[b]) continue;
    const [[x1, y1], [x2, y2]] = [place(points[a]), place(points[b])];
    svg.append(shape("line", { x1, y1, x2, y2 }));
  }
  if (points[0]) {
    const [cx, cy] = place(points[0]);
    svg.append(shape("circle", { cx, cy, r: 7 }));
  }
  return svg;
}
