// Teach an exercise: name, countdown, do it a few times, and the device learns what was done.

import { command, show, showError, showMessage } from "/device.js";
import { Beeper, countDown } from "/teach.js";
import { LANGUAGE, say } from "/words.js";

const element = (id) => document.getElementById(id);

const READY = 5; // seconds to get to the start
const EACH = 4; // seconds for a repetition

export class ExerciseTeacher {
  constructor() {
    this.button = element("learn");
    this.sheet = element("learn-sheet");
    this.button.addEventListener("click", () => (this.timer ? this.cancel() : this.ask()));
    element("learn-cancel").addEventListener("click", () => this.sheet.close());
    element("learn-form").addEventListener("submit", () => this.begin());
    element("learned-close").addEventListener("click", () => element("learned-sheet").close());
  }

  ask() {
    const name = element("exercise-name");
    if (!name.value) name.value = "my_exercise";
    this.sheet.showModal();
    name.select();
  }

  begin() {
    this.name = element("exercise-name").value;
    this.times = Number(new FormData(element("learn-form")).get("times"));
    this.sound ??= new Beeper();
    this.button.textContent = say("cancel");
    element("teach").disabled = true;
    element("stage").scrollIntoView({ block: "nearest" });
    show(element("countdown"), true);
    this.count(READY, "", () => {
      this.sound.beep(1175, 0.25);
      showMessage(say("do_it", { count: this.times }));
      this.count(EACH * this.times, " s", () => this.learn());
    });
  }

  // Show the seconds that are left, then go on.
  count(left, unit, then) {
    const each = (seconds) => {
      element("count").textContent = `${seconds}${unit}`;
      if (seconds <= READY) this.sound.tick(seconds);
    };
    countDown(this, left, each, then);
  }

  stop() {
    clearTimeout(this.timer);
    this.timer = null;
    this.button.textContent = say("teach_exercise");
    element("teach").disabled = false;
    show(element("countdown"), false);
  }

  cancel() {
    this.stop();
    showMessage(say("nothing_learned"));
  }

  async learn() {
    this.stop();
    this.button.disabled = true;
    const order = { name: this.name, count: this.times, seconds: Math.min(EACH * this.times, 60), watch: element("exercise-watch").checked };
    try {
      const done = await command("learn", order);
      element("learned-text").textContent = LANGUAGE === "en" ? done : say("done_learn");
      element("learned-sheet").showModal();
    } catch (error) {
      showError(error);
    }
    this.button.disabled = false;
  }
}
