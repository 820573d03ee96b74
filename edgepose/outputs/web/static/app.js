// The page: picture, watches, events and health of one device, as they change.

import { ConfigEditor } from "/config.js";
import { carryOut, make, sentence, show, state as fetchState } from "/device.js";
import { Events } from "/events.js";
import { Guide } from "/guide.js";
import { showHealth } from "/health.js";
import { ExerciseTeacher } from "/learn.js";
import { Library } from "/library.js";
import { Log } from "/log.js";
import { Teacher } from "/teach.js";
import { Today } from "/today.js";
import { Views } from "/views.js";
import { Watches } from "/watches.js";
import { say } from "/words.js";

const element = (id) => document.getElementById(id);

const POLL_INTERVAL = 3000; // ms between two requests for the health
const STALE = 3000; // ms without a scene after which the picture is old
const REPORTED = ["rep", "set", "end", "finished", "abandoned"]; // events that change what was done
const CONTROLS = {
  teach: "capture", learn: "learn", detect: "detect", save: "save", reload: "reload", undo: "reload", restart: "restart",
};

let page = null; // the device's answer about this page
let health = {};
let scene = null;
let sceneAt = 0;
let source = null; // of server-sent events
let sourceFailed = false;
let pollTimer = null;

// Status: one line

function status() {
  if (sourceFailed) return ["bad", say("not_connected")];
  if (!page) return ["", say("connecting")];
  if (health.detect === false) return ["warn", say("paused")];
  if (!scene) return ["warn", say("waiting_camera")];
  const quiet = Date.now() - sceneAt;
  if (quiet > STALE) return ["bad", say("no_picture_for", { seconds: Math.round(quiet / 1000) })];
  const fps = scene.stats.fps ?? health.fps;
  return ["good", fps > 0 ? say("watching_fps", { fps: fps.toFixed(0) }) : say("watching")];
}

function showStatus() {
  const [kind, words] = status();
  element("status-dot").className = `dot ${kind}`;
  if (element("status-text").textContent !== words) element("status-text").textContent = words;
  element("stage").classList.toggle("is-stale", kind === "bad");
}

// Picture

function showPicture() {
  const picture = element("picture");
  const wanted = page && page.frames !== "none" && !document.hidden;
  if (!wanted) return picture.removeAttribute("src");
  if (!picture.hasAttribute("src")) picture.src = `/stream?${Date.now()}`;
}

function pictureLoaded() {
  const picture = element("picture");
  const isSkeleton = page?.frames === "skeleton";
  picture.alt = say(isSkeleton ? "live_skeleton" : "live_picture");
  show(picture, true);
  show(element("stage-note"), false);
  element("stage").classList.add("is-live");
}

function pictureFailed() {
  element("picture").removeAttribute("src");
  setTimeout(showPicture, 2000);
}

function showNoPictures() {
  element("stage").classList.add("is-wordy");
  element("stage-note").textContent = say("no_pictures");
}

// Scenes and events from the device

function listen() {
  if (source || document.hidden) return;
  source = new EventSource("/api/events");
  source.addEventListener("open", () => {
    sourceFailed = false;
    showStatus();
  });
  source.addEventListener("scene", (message) => showScene(JSON.parse(message.data)));
  source.addEventListener("event", (message) => addEvent(JSON.parse(message.data)));
  source.addEventListener("error", connectionLost);
}

function connectionLost() {
  sourceFailed = true;
  if (source?.readyState === EventSource.CLOSED) {
    source = null;
    setTimeout(listen, 2000);
  }
  showStatus();
  refresh(); // goes to the login form when the session is over
}

function disconnect() {
  source?.close();
  source = null;
}

function showScene(newest) {
  scene = newest;
  sceneAt = Date.now();
  watches.update(newest.watches, newest.poses);
  const count = newest.people;
  guide.tick("picture", true);
  guide.tick("person", count > 0);
  show(element("people"), element("stage").classList.contains("is-live"));
  element("people").textContent = count === 0 ? say("nobody") : count === 1 ? say("one_person") : say("people", { count });
  showStatus();
}

function addEvent(event) {
  if (!events.add(event)) return;
  guide.tick("event", true);
  watches.event(event);
  if (REPORTED.includes(event.type)) today.refresh();
}

// Health and commands

async function refresh() {
  clearTimeout(pollTimer);
  if (!document.hidden) pollTimer = setTimeout(refresh, POLL_INTERVAL);
  const found = await fetchState().catch((error) => {
    if (!page) element("status-text").textContent = sentence(error);
  });
  if (found) applyState(found);
}

function applyState(found) {
  const isFirst = page === null;
  health = found;
  page = found.page;
  const known = found.watches ?? Object.fromEntries(page.watches.map((name) => [name, {}]));
  watches.configure(known, page);
  for (const name of document.querySelectorAll("[data-watch]")) name.textContent = watches.title(name.dataset.watch);
  document.body.classList.toggle("is-mirrored", page.mirror);
  showHealth(found);
  log.refresh();
  guide.tick("watch", Object.keys(known).length > 0);
  if (isFirst) guide.begin(Object.keys(known).length === 0);
  showControls(page);
  element("detect").textContent = say(found.detect === false ? "resume" : "pause");
  showProfiles(page, found.profile);
  if ("unsaved" in found) show(element("unsaved"), Boolean(found.unsaved));
  if (isFirst && page.frames === "none") showNoPictures();
  if (isFirst) today.refresh();
  if (isFirst) opened(views.name);
  showPicture();
  showStatus();
}

// Show the buttons of the commands that the device takes from its page.
function showControls({ takes }) {
  for (const [id, name] of Object.entries(CONTROLS)) show(element(id), takes.includes(name));
  show(element("actions"), takes.includes("capture") || takes.includes("learn"));
  show(element("care"), takes.includes("reload") || takes.includes("restart"));
}

function showProfiles({ profiles, takes }, active) {
  const choice = element("profile");
  const names = takes.includes("profile") ? profiles : [];
  show(choice, names.length > 0);
  if (names.join("\n") !== [...choice.options].map((option) => option.value).join("\n")) {
    choice.replaceChildren(...names.map((name) => make("option", { value: name }, name)));
  }
  if (document.activeElement !== choice) choice.value = active;
}

function changed(isDone) {
  if (isDone) show(element("unsaved"), true);
  refresh();
}

async function perform(button, name, value) {
  button.disabled = true;
  await watches.flush(); // a slider that moved just now counts
  const done = await carryOut(name, value);
  button.disabled = false;
  if (done && ["save", "reload"].includes(name)) show(element("unsaved"), false);
  refresh();
}

function onClick(id, name, value = () => null) {
  element(id).addEventListener("click", (event) => perform(event.currentTarget, name, value()));
}

// Fill a view once it is shown and the device is known.
function opened(name) {
  if (!page) return;
  if (name === "config") editor.open(page);
  else if (name === "library") shelf.open(page);
  else refresh();
}

const watches = new Watches(changed);
const events = new Events((name) => watches.title(name));
const editor = new ConfigEditor();
const shelf = new Library(() => refresh());
const log = new Log();
const guide = new Guide();
const views = new Views(opened);
const today = new Today((name) => watches.title(name), (name) => watches.kind(name));
new Teacher(() => watches.names, changed);
new ExerciseTeacher();

element("profile").addEventListener("change", (event) => {
  const name = event.currentTarget.value;
  event.currentTarget.blur(); // so that a refused choice goes back
  perform(event.currentTarget, "profile", name);
});
onClick("detect", "detect", () => health.detect === false);
onClick("save", "save");
onClick("undo", "reload");
onClick("reload", "reload");
element("restart").addEventListener("click", () => element("sure-sheet").showModal());
element("sure-sheet").addEventListener("close", (event) => {
  if (event.target.returnValue === "yes") perform(element("restart"), "restart", null);
  event.target.returnValue = "";
});
element("statistics").addEventListener("toggle", refresh);
element("picture").addEventListener("load", pictureLoaded);
element("picture").addEventListener("error", () => element("picture").hasAttribute("src") && pictureFailed());
document.addEventListener("visibilitychange", () => {
  if (document.hidden) disconnect();
  else listen();
  showPicture();
  refresh();
});
window.addEventListener("pagehide", disconnect);
setInterval(showStatus, 1000);
listen();
refresh();
