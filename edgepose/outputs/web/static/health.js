// Health: every component with its state or the reason of a problem; statistics in a table.

import { make, show } from "/device.js";

const GOOD = ["running", "ok", "open", "on", "connected", "ended"];
const WAITING = ["starting", "opening", "waiting", "paused", "backing off", "degraded"];

export function dot(state) {
  const kind = GOOD.includes(state) ? "good" : WAITING.includes(state) ? "warn" : "bad";
  return make("span", { class: `dot ${kind}`, "aria-hidden": "true" });
}

// A component is a word, or a mapping with "state" and perhaps "reason" and more.
function row(title, component) {
  const { state, reason, ...more } = typeof component === "object" && component ? component : { state: component };
  const facts = Object.values(more).filter((value) => typeof value === "string" && value !== "");
  const words = reason || [state, ...facts].filter((word) => word != null).join(" · ") || "–";
  return make("div", {}, dot(state ?? "ok"), make("dt", {}, title), make("dd", { class: "muted" }, String(words)));
}

export function showHealth(state) {
  const outputs = Object.entries(state.outputs ?? {});
  const rows = [];
  if (state.source !== undefined) rows.push(row("Source", state.source));
  if (state.runtime !== undefined) rows.push(row("Model", state.runtime));
  rows.push(...outputs.map(([name, output]) => row(name, output)));
  const named = new Set(["source", "runtime", "config", ...Object.keys(state.outputs ?? {})]);
  const others = (state.troubles ?? []).filter(({ name }) => !named.has(name));
  rows.push(...others.map(({ name, state, reason }) => row(name, { state, reason })));
  if (state.board) rows.push(...board(state.board));
  if (state.config) rows.push(configuration(state.config));
  if (!rows.length) rows.push(row("Model", { state: "ok", model: state.page.model || "not known" }));
  document.getElementById("health").replaceChildren(...rows);
  document.getElementById("about").textContent = state.version ? about(state) : "";
  showStatistics(state.stats ?? {});
}

function board({ temperature, memory, disk }) {
  const facts = [
    temperature == null ? "" : `${temperature.toFixed(0)} °C`,
    memory?.rss_mb == null ? "" : `${memory.rss_mb} MB of memory, ${memory.available_mb} MB left`,
    disk == null ? "" : disk.read_only ? "read-only disk" : `${disk.free_mb} MB of disk left`,
  ].filter(Boolean);
  return facts.length ? [row("Board", { state: "ok", reason: facts.join(" · ") })] : [];
}

function configuration({ path, error }) {
  return row("Config", { state: error ? "refused" : "ok", reason: error || path });
}

function about({ version, uptime }) {
  const days = Math.floor(uptime / 86400);
  const hours = Math.floor((uptime % 86400) / 3600);
  const minutes = Math.floor((uptime % 3600) / 60);
  const since = days ? `${days} d ${hours} h` : hours ? `${hours} h ${minutes} min` : `${minutes} min`;
  return `edgepose ${version}, up for ${since}`;
}

function showStatistics(stats) {
  const stages = Object.entries(stats.stages ?? {});
  const counts = Object.entries(stats.counts ?? {});
  show(document.getElementById("statistics"), stages.length + counts.length > 0);
  if (!document.getElementById("statistics").open) return;
  const ms = (value) => (value == null ? "–" : value.toFixed(1));
  const tables = [
    table(["Stage", "p50 ms", "p99 ms"], stages.map(([name, stage]) => [name, ms(stage.p50_ms), ms(stage.p99_ms)])),
    table(["Count", ""], counts),
  ];
  document.getElementById("statistics-body").replaceChildren(...tables);
}

function table(head, rows) {
  const cells = (tag, words) => words.map((word, i) => make(i ? tag : "th", i ? {} : { scope: "row" }, String(word)));
  const body = rows.map((words) => make("tr", {}, ...cells("td", words)));
  const top = make("tr", {}, ...head.map((word) => make("th", { scope: "col" }, word)));
  return make("table", {}, make("thead", {}, top), make("tbody", {}, ...body));
}
