// The latest lines of the device's log, while somebody looks.

import { ask, make, sentence, show } from "/device.js";
import { LANGUAGE, say } from "/words.js";

const LEVELS = { DEBUG: 0, INFO: 1, WARNING: 2, ERROR: 3, CRITICAL: 3 };

const element = (id) => document.getElementById(id);

export class Log {
  constructor() {
    element("log").addEventListener("toggle", () => this.refresh());
    element("log-level").addEventListener("change", () => this.narrow());
  }

  async refresh() {
    if (!element("log").open || document.hidden) return;
    const { lines = [] } = await ask("/api/log").catch((error) => ({ lines: [{ time: Date.now() / 1000, level: "ERROR", text: sentence(error) }] }));
    const key = JSON.stringify(lines.at(-1));
    if (key === this.newest) return;
    this.newest = key;
    const rows = lines.reverse().map((line) => this.row(line));
    element("log-lines").replaceChildren(...rows);
    this.narrow();
  }

  row({ time, level, text }) {
    const at = new Date(1000 * time);
    const row = make("li", { class: `level-${LEVELS[level] ?? 1}` },
      make("time", { datetime: at.toISOString() }, at.toLocaleTimeString(LANGUAGE, { hourCycle: "h23" })),
      make("span", { lang: "en" }, text));
    row.level = LEVELS[level] ?? 1;
    return row;
  }

  narrow() {
    const least = Number(element("log-level").value);
    const rows = [...element("log-lines").children];
    for (const row of rows) show(row, row.level >= least);
    show(element("no-log"), rows.every((row) => row.hidden));
  }
}
