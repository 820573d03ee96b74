// Health: every component with its state or the reason of a problem; statistics in a table.

import { make, show } from "/device.js";
import { say } from "/words.js";

const GOOD = ["running", "ok", "open", "on", "connected", "ended"];
const WAITING = ["starting", "opening", "waiting", "paused", "backing off", "degraded"];

export function dot(state) {
  const kind = GOOD.includes(state) ? "good" : WAITING.includes(state) ? "warn" : "bad";
  return make("span", { class: `dot ${kind}`, "aria-hidden": "true" });
}

// A row: what works or not in plain words, and the device's own, which are English, below.
function row(title, state, words, detail = "") {
  const about = make("dd", {}, words);
  if (detail) about.append(make("span", { class: "detail", lang: "en" }, detail));
  return make("div", {}, dot(state), make("dt", {}, title), about);
}

// Return the words for a state of a kind of component: "source", "runtime" or "output".
function plain(kind, state) {
  const key = `${kind}_${String(state).replaceAll(" ", "_")}`;
  const general = key.replace(kind, "part");
  const found = [key, general].find((one) => say(one) !== one);
  return found ? say(found) : String(state);
}

// A component is a word, or a mapping with "state" and perhaps "reason" and more.
function part(kind, title, component) {
  const { state = "ok", reason, ...more } = typeof component === "object" && component ? component : { state: component };
  const facts = Object.values(more).filter((value) => typeof value === "string" && value !== "");
  return row(title, state, plain(kind, state), reason || facts.join(" · "));
}

export function showHealth(state) {
  const outputs = Object.entries(state.outputs ?? {});
  const rows = [];
  if (state.source !== undefined) rows.push(part("source", say("source"), state.source));
  if (state.runtime !== undefined) rows.push(part("runtime", say("model"), state.runtime));
  rows.push(...outputs.map(([name, output]) => part("output", name, output)));
  const named = new Set(["source", "runtime", "config", ...Object.keys(state.outputs ?? {})]);
  const others = (state.troubles ?? []).filter(({ name }) => !named.has(name));
  rows.push(...others.map(({ name, state, reason }) => row(say(`name_${name}`).replace("name_", ""), state, plain(name, state), reason)));
  if (state.board) rows.push(...board(state.board));
  if (state.config) rows.push(configuration(state.config));
  if (!rows.length) rows.push(row(say("model"), "ok", state.page.model || say("not_known")));
  document.getElementById("health").replaceChildren(...rows);
  document.getElementById("about").textContent = state.version ? about(state) : "";
  showSummary(state.troubles ?? []);
  showStatistics(state.stats ?? {});
}

// One sentence on the whole device, and a mark on the tab where something is wrong.
function showSummary(troubles) {
  const count = troubles.length;
  const words = count === 0 ? say("all_well") : count === 1 ? say("one_trouble") : say("troubles", { count });
  document.getElementById("health-summary").replaceChildren(dot(count ? "degraded" : "ok"), words);
  document.getElementById("tab-device").classList.toggle("has-trouble", count > 0);
}

function board({ temperature, memory, disk }) {
  const facts = [
    temperature == null ? "" : `${temperature.toFixed(0)} °C`,
    memory?.rss_mb == null ? "" : say("memory", { used: memory.rss_mb, left: memory.available_mb }),
    disk == null ? "" : disk.read_only ? say("disk_read_only") : say("disk", { left: disk.free_mb }),
  ].filter(Boolean);
  return facts.length ? [row(say("board"), "ok", facts.join(" · "))] : [];
}

function configuration({ path, error }) {
  return row(say("config"), error ? "refused" : "ok", say(error ? "config_refused" : "config_used"), error || path);
}

function about({ version, uptime }) {
  const days = Math.floor(uptime / 86400);
  const hours = Math.floor((uptime % 86400) / 3600);
  const minutes = Math.floor((uptime % 3600) / 60);
  const since = days ? `${days} d ${hours} h` : hours ? `${hours} h ${minutes} min` : `${minutes} min`;
  return say("up_for", { version, time: since });
}

function showStatistics(stats) {
  const stages = Object.entries(stats.stages ?? {});
  const counts = Object.entries(stats.counts ?? {});
  show(document.getElementById("statistics"), stages.length + counts.length > 0);
  if (!document.getElementById("statistics").open) return;
  const ms = (value) => (value == null ? "–" : value.toFixed(1));
  const tables = [
    table([say("stage"), "p50 ms", "p99 ms"], stages.map(([name, stage]) => [name, ms(stage.p50_ms), ms(stage.p99_ms)])),
    table([say("count"), ""], counts),
  ];
  document.getElementById("statistics-body").replaceChildren(...tables);
}

function table(head, rows) {
  const cells = (tag, words) => words.map((word, i) => make(i ? tag : "th", i ? {} : { scope: "row" }, String(word)));
  const body = rows.map((words) => make("tr", {}, ...cells("td", words)));
  const top = make("tr", {}, ...head.map((word) => make("th", { scope: "col" }, word)));
  return make("table", {}, make("thead", {}, top), make("tbody", {}, ...body));
}
