// Requests to the device, messages to the reader, and helpers for elements.

import { LANGUAGE, say } from "/words.js";

// What the device refused: its own words are English.
export class Refused extends Error {
  constructor(words, isOfDevice = false) {
    super(words);
    this.isOfDevice = isOfDevice;
  }
}

async function answer(response) {
  if (response.status === 401) {
    location.assign("/login");
    throw new Refused(say("log_in_again"));
  }
  const body = await response.json().catch(() => ({}));
  if (!response.ok) throw new Refused(body.error || say("answered", { status: response.status }), Boolean(body.error));
  return body;
}

// Ask the device: GET, or POST with a value.
export async function ask(path, value) {
  const post = { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(value) };
  return answer(await (value === undefined ? fetch(path) : fetch(path, post)));
}

export const state = () => ask("/api/state");
export const history = () => ask("/api/history");
export const library = () => ask("/api/library");

export async function command(name, value = null) {
  return (await ask("/api/command", { name, value })).done;
}

// Carry out a command and show its answer or error; true when it was done.
export async function carryOut(name, value, { quiet = false } = {}) {
  try {
    const done = await command(name, value);
    if (!quiet) showDone(name, done);
    return true;
  } catch (error) {
    showError(error);
    return false;
  }
}

export function sentence(error) {
  return error instanceof Refused ? error.message : say("unreachable");
}

// Show what a command has done: in English in the device's own words.
export function showDone(name, done) {
  showMessage(LANGUAGE === "en" ? done : say(`done_${name}`));
}

// Show why something was not done; in other languages the device's own words stand below.
export function showError(error) {
  const isForeign = LANGUAGE !== "en" && error instanceof Refused && error.isOfDevice;
  if (isForeign) showMessage(say("not_done"), true, error.message);
  else showMessage(sentence(error), true);
}

const capital = (text) => text.charAt(0).toUpperCase() + text.slice(1);

// detail: further words of the device, in English.
export function showMessage(text, isError = false, detail = "") {
  const toasts = document.getElementById("toasts");
  const toast = make("p", { class: isError ? "toast is-error" : "toast" }, capital(text));
  if (detail) toast.append(make("span", { class: "detail", lang: "en" }, capital(detail)));
  toasts.replaceChildren(toast);
  setTimeout(() => toast.remove(), Math.max(4000, 70 * (text.length + detail.length)));
}

// Return an element; text is set as text, never as HTML.
export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

export function show(element, shown) {
  element.hidden = !shown;
}
