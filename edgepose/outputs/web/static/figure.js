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

export class Figure {
  constructor() {
    this.element = shape("svg", { viewBox: "0 0 100 150", class: "body", role: "img" });
    this.lines = {};
    for (const [name, [x1, y1, x2, y2]] of Object.entries(LIMBS)) {
      this.lines[name] = shape("line", { x1, y1, x2, y2 });
    }
    this.element.append(...Object.values(this.lines), shape("circle", { cx: 50, cy: 20, r: 10 }));
    this.show({}, [], false);
  }

  show(limbs, off, isMet) {
    for (const [name, line] of Object.entries(this.lines)) {
      line.setAttribute("class", limbs[name] || "unknown");
    }
    // Limbs that are off come last, so that nothing is drawn over them.
    for (const { limb } of off) this.element.append(this.lines[limb]);
    this.element.classList.toggle("is-met", isMet);
    const words = off.length ? say("limbs_off", { count: off.length }) : say("no_limb_off");
    this.element.setAttribute("aria-label", words);
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
