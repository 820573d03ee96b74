// What each watch is to look like: the figures of templates and exercises, asked for once.

import { library } from "/device.js";

const PAUSE = 10000; // ms between two questions for a figure that is not known

export class Targets {
  constructor() {
    this.poses = new Map(); // by what a template is called in a match
    this.files = new Map(); // by kind and name
    this.askedAt = -Infinity;
  }

  async refresh() {
    this.askedAt = Date.now();
    const { templates = [], exercises = [] } = await library().catch(() => ({}));
    this.poses = new Map(templates.map(({ match, figures }) => [match, figures]));
    const named = [...templates.map((one) => ["template", one]), ...exercises.map((one) => ["exercise", one])];
    this.files = new Map(named.map(([kind, { name, figures }]) => [`${kind}/${name}`, figures]));
  }

  // Return the figures of a watch, whose match names a template; [] while they are not known.
  of({ match }, { exercise, template }) {
    const found = match ? this.poses.get(match) : this.files.get(exercise ? `exercise/${exercise}` : `template/${template}`);
    const isNamed = match || exercise || (template && template.length);
    if (!found && isNamed && Date.now() - this.askedAt > PAUSE) this.refresh();
    return found ?? [];
  }
}
