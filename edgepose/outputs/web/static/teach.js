// Teach a pose: name, countdown while the person gets ready, capture, use in a watch.

import { carryOut, command, make, sentence, show, showMessage } from "/device.js";

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
    if (!name.value) name.value = "my_pose";
    this.sheet.showModal();
    name.select();
  }

  begin() {
    this.name = element("pose-name").value;
    this.count(Number(new FormData(element("teach-form")).get("delay")));
  }

  again() {
    this.taught.close();
    this.begin();
  }

  count(left) {
    this.sound ??= new Beeper();
    this.button.textContent = "Cancel";
    this.button.classList.remove("primary");
    element("stage").scrollIntoView({ block: "nearest" });
    show(element("countdown"), true);
    const tick = () => {
      if (left === 0) return this.capture();
      element("count").textContent = left;
      this.sound.beep(left === 1 ? 880 : 587);
      left -= 1;
      this.timer = setTimeout(tick, 1000);
    };
    tick();
  }

  stop() {
    clearTimeout(this.timer);
    this.timer = null;
    this.button.textContent = "Teach a pose";
    this.button.classList.add("primary");
    show(element("countdown"), false);
  }

  cancel() {
    this.stop();
    showMessage("No picture was taken.");
  }

  async capture() {
    this.stop();
    this.flash();
    this.button.disabled = true;
    try {
      this.offer(await command("capture", { name: this.name }));
    } catch (error) {
      showMessage(sentence(error), true);
    }
    this.button.disabled = false;
  }

  flash() {
    const flash = element("flash");
    flash.classList.remove("is-on");
    void flash.offsetWidth; // restart the animation
    flash.classList.add("is-on");
    this.sound.beep(1175, 0.25);
  }

  offer(done) {
    const names = this.watchNames();
    element("taught-text").textContent = done;
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

// A short tone a second: the person in the pose is too far away to read a phone.
class Beeper {
  constructor() {
    this.context = "AudioContext" in window ? new AudioContext() : null;
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
