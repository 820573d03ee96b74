// The views of the page, one at a time: `#/events` in the address, a tab for each.

import { show } from "/device.js";

const FIRST = "live";

export class Views {
  // opened: called with the name of the view that is shown.
  constructor(opened) {
    this.opened = opened;
    this.tabs = new Map([...document.querySelectorAll(".tabs a")].map((tab) => [tab.hash.slice(2), tab]));
    window.addEventListener("hashchange", () => this.open());
    this.open();
  }

  get name() {
    const wanted = location.hash.startsWith("#/") ? location.hash.slice(2) : FIRST;
    return this.tabs.has(wanted) && !this.tabs.get(wanted).hidden ? wanted : FIRST;
  }

  open() {
    const shown = this.name;
    if (shown === this.shown) return;
    for (const [name, tab] of this.tabs) {
      show(document.getElementById(`view-${name}`), name === shown);
      if (name === shown) tab.setAttribute("aria-current", "page");
      else tab.removeAttribute("aria-current");
    }
    if (this.shown) window.scrollTo(0, 0);
    this.shown = shown;
    this.opened(shown);
  }
}
