// Teach a pose: name, countdown while the person gets ready, what the device learnt or why not.

import { carryOut, command, make, show, showError, showMessage, state } from "/device.js";
import { drawing } from "/figure.js";
import { LANGUAGE, say } from "/words.js";

const POLL = 300; // ms between two questions whether the pose is taken
const PATIENCE = 40; // questions without an answer or a result, while outputs restart

const element = (id) => document.getElementById(id);

export class Teacher {
  constructor(watchNames, changed) {
    this.watchNames = watchNames;
    this.changed = changed;
    this.button = element("teach");
    this.sheet = element("teach-sheet");
    this.taught = element("taught-sheet");
    this.button.addEventListener("click", () => (this.timer ? this.cancel() : this.ask()));
    element("teach-cancel").addEventListener("click", () => this.sheet.close());
    element("teach-form").addEventListener("submit", () => this.begin());
    element("taught-form").addEventListener("submit", () => this.use());
    element("taught-later").addEventListener("click", () => this.taught.close());
    element("taught-again").addEventListener("click", () => this.again());
  }

  ask() {
    const name = element("pose-name");
    if (!name.value || this.watchNames().includes(name.value)) name.value = this.freeName();
    this.sheet.showModal();
    name.select();
  }

  freeName() {
    const taken = this.watchNames();
    let number = 1;
    while (taken.includes(number === 1 ? "my_pose" : `my_pose_${number}`)) number += 1;
    return number === 1 ? "my_pose" : `my_pose_${number}`;
  }

  async begin() {
    const form = new FormData(element("teach-form"));
    const only = form.get("parts") === "all" ? [] : form.get("parts").split(" ");
    this.name = element("pose-name").value;
    this.isWatched = element("pose-watch").checked;
    const countdown = Number(form.get("delay"));
    const asked = { name: this.name, countdown, only, watch: this.isWatched };
    this.count(countdown);
    try {
      await command("capture", asked);
    } catch (error) {
      this.stop();
      showError(error);
    }
  }

  again() {
    this.taught.close();
    this.begin();
  }

  count(left) {
    this.sound ??= new Beeper();
    this.button.textContent = say("cancel");
    this.button.classList.remove("primary");
    element("stage").scrollIntoView({ block: "nearest" });
    show(element("countdown"), true);
    const each = (seconds) => {
      element("count").textContent = seconds;
      this.sound.tick(seconds);
    };
    countDown(this, left, each, () => this.wait(0));
  }

  stop() {
    clearTimeout(this.timer);
    this.timer = null;
    this.button.textContent = say("teach_pose");
    this.button.classList.add("primary");
    show(element("countdown"), false);
  }

  cancel() {
    this.stop();
    command("capture", "cancel").catch(() => {});
    showMessage(say("no_picture_taken"));
  }

  // Ask until the device has taken the pose; outputs, this page's too, may restart meanwhile.
  async wait(asked) {
    element("count").textContent = say("hold_still");
    const { teaching } = await state().catch(() => ({}));
    if (!this.timer) return; // cancelled
    if (teaching?.state === "done" && teaching.name === this.name) return this.done(teaching);
    if (teaching?.state === "refused") return this.refused(reasonOf(teaching));
    if (asked === PATIENCE) return this.refused(say("no_answer"));
    this.timer = setTimeout(() => this.wait(asked + 1), POLL);
  }

  refused(reason) {
    this.stop();
    showMessage(reason, true);
  }

  done(teaching) {
    this.stop();
    this.flash();
    this.offer(teaching);
  }

  flash() {
    const flash = element("flash");
    flash.classList.remove("is-on");
    void flash.offsetWidth; // restart the animation
    flash.classList.add("is-on");
    this.sound.beep(1175, 0.25);
  }

  offer({ name, points, hint, model }) {
    const names = this.isWatched ? [] : this.watchNames();
    const words = this.isWatched ? say("learnt_watched", { name }) : say("learnt", { name });
    element("taught-text").textContent = words;
    element("taught-hint").textContent = hint ? hintIn(hint, model) : say("taught_with", { model });
    element("taught-picture").replaceChildren(drawing(points));
    element("taught-later").textContent = say(this.isWatched ? "done_button" : "not_now");
    if (this.isWatched) this.changed(false);
    element("taught-watch").replaceChildren(...names.map((name) => make("option", {}, name)));
    show(element("taught-use"), names.length > 0);
    show(element("taught-apply"), names.length > 0);
    this.taught.showModal();
  }

  async use() {
    const watch = element("taught-watch").value;
    this.changed(await carryOut("template", { watch, template: this.name }));
  }
}

// The device's own sentences are English: elsewhere the general one of its kind is shown.
function reasonOf({ reason, kind }) {
  return LANGUAGE === "en" || !kind ? reason : say(`refused_${kind}`);
}

function hintIn(hint, model) {
  return LANGUAGE === "en" ? hint : say("small_model", { model });
}

// A short tone a second: the person in the pose is too far away to read a phone.
// Call `each` with the seconds that are left, once a second, then `then`; owner.timer can end it.
export function countDown(owner, left, each, then) {
  if (left === 0) return then();
  each(left);
  owner.timer = setTimeout(() => countDown(owner, left - 1, each, then), 1000);
}

export class Beeper {
  constructor() {
    this.context = "AudioContext" in window ? new AudioContext() : null;
  }

  // Of a countdown: the last second is higher.
  tick(left) {
    this.beep(left === 1 ? 880 : 587);
  }

  beep(frequency, length = 0.09) {
    if (!this.context) return;
    const tone = new OscillatorNode(this.context, { frequency });
    const volume = new GainNode(this.context, { gain: 0.12 });
    tone.connect(volume).connect(this.context.destination);
    tone.start();
    tone.stop(this.context.currentTime + length);
  }
}
