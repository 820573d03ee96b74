// Requests to the device, messages to the reader, and helpers for elements.

import { say } from "/words.js";

export class Refused extends Error {}

async function answer(response) {
  if (response.status === 401) {
    location.assign("/login");
    throw new Refused(say("log_in_again"));
  }
  const body = await response.json().catch(() => ({}));
  if (!response.ok) throw new Refused(body.error || say("answered", { status: response.status }));
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
    if (!quiet) showMessage(done);
    return true;
  } catch (error) {
    showMessage(sentence(error), true);
    return false;
  }
}

export function sentence(error) {
  return error instanceof Refused ? error.message : say("unreachable");
}

export function showMessage(text, isError = false) {
  const toasts = document.getElementById("toasts");
  const sentence = text.charAt(0).toUpperCase() + text.slice(1);
  const toast = make("p", { class: isError ? "toast is-error" : "toast" }, sentence);
  toasts.replaceChildren(toast);
  setTimeout(() => toast.remove(), Math.max(4000, 70 * text.length));
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
