// The editor of the configuration: completion, the device's own check as messages, save on probation.

import { Schema, placeOf } from "/complete.js";
import { ask, library, make, sentence, show, showError, showMessage } from "/device.js";
import { say } from "/words.js";

const QUIET = 600; // ms without a key until the text is checked
const KEEP = 1000; // ms between two tries to reach the page that runs with it
const TRIES = 115; // a little less than the probation

const SMALL = "14px/1.4 system-ui, 'DejaVu Sans', sans-serif";
const LOOK = {
  "&": { maxHeight: "62vh", backgroundColor: "var(--surface)", color: "var(--ink)" },
  "&.cm-focused": { outline: "none" }, // its frame has the outline
  ".cm-scroller": { font: "14px/1.5 ui-monospace, 'DejaVu Sans Mono', monospace", overflow: "auto" },
  ".cm-content": { caretColor: "var(--ink)", padding: "8px 0 24px" },
  ".cm-cursor": { borderLeftColor: "var(--ink)" },
  ".cm-gutters": { borderRight: "1px solid var(--line)", backgroundColor: "var(--ground)", color: "var(--muted)" },
  ".cm-activeLine, .cm-activeLineGutter": { backgroundColor: "color-mix(in srgb, var(--raised) 60%, transparent)" },
  "&.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground, .cm-selectionBackground": { background: "color-mix(in srgb, var(--focus) 30%, transparent)" },
  "&.cm-focused .cm-matchingBracket": { backgroundColor: "color-mix(in srgb, var(--met) 35%, transparent)" },
  ".cm-tooltip": { border: "1px solid var(--line)", borderRadius: "10px", backgroundColor: "var(--surface)", color: "var(--ink)", boxShadow: "0 8px 32px rgb(10 14 22 / 28%)" },
  ".cm-tooltip.cm-tooltip-autocomplete > ul > li": { padding: "5px 10px", lineHeight: "1.5" },
  ".cm-tooltip.cm-tooltip-autocomplete > ul > li[aria-selected]": { backgroundColor: "var(--accent)", color: "var(--on-accent)" },
  ".cm-completionInfo": { maxWidth: "320px", padding: "8px 12px", font: SMALL },
  ".cm-diagnostic": { borderLeftColor: "var(--bad)", font: SMALL, overflowWrap: "anywhere" },
  ".cm-panels": { backgroundColor: "var(--raised)", color: "var(--ink)", borderColor: "var(--line)" },
  ".cm-foldPlaceholder": { backgroundColor: "transparent", borderColor: "var(--line)" },
};

const element = (id) => document.getElementById(id);

export class ConfigEditor {
  constructor() {
    element("config-save").addEventListener("click", () => this.save());
    element("config-undo").addEventListener("click", () => this.read());
    window.addEventListener("beforeunload", (event) => this.isEdited && event.preventDefault());
  }

  // Show the view: the editor where the device takes configurations from its page.
  async open({ takes }) {
    const canEdit = takes.includes("config");
    show(element("config-off"), !canEdit);
    show(element("config-card"), canEdit);
    if (!canEdit || this.view || this.isOpening) return;
    this.isOpening = true;
    try {
      await this.load();
    } catch (error) {
      this.tell(sentence(error), "bad");
    }
    this.isOpening = false;
  }

  async load() {
    const [parts, schema, names] = await Promise.all([import("/editor.min.js"), ask("/api/schema"), library().catch(() => ({}))]);
    const known = { template: names.templates, exercise: names.exercises };
    this.schema = new Schema(schema, (key) => (known[key] ?? []).map(({ name }) => name));
    this.parts = parts;
    // Styles of a shadow tree are objects, which the page's policy allows; elements it does not.
    const root = element("config-editor").attachShadow({ mode: "open" });
    this.view = new parts.EditorView({ parent: root, root, extensions: this.extensions(parts) });
    await this.read();
  }

  extensions(cm) {
    const { EditorView, tags } = cm;
    const colours = cm.HighlightStyle.define([
      { tag: [tags.propertyName, tags.definition(tags.propertyName)], color: "var(--code-key)" },
      { tag: [tags.string, tags.special(tags.string), tags.content], color: "var(--code-text)" },
      { tag: tags.comment, color: "var(--muted)" },
    ]);
    return [
      cm.lineNumbers(), cm.highlightActiveLine(), cm.highlightActiveLineGutter(), cm.drawSelection(), cm.history(),
      cm.indentOnInput(), cm.bracketMatching(), cm.closeBrackets(), cm.indentUnit.of("  "), cm.yaml(),
      cm.syntaxHighlighting(colours), cm.lintGutter(), cm.search({ top: true }),
      cm.autocompletion({ override: [(context) => this.complete(context)] }),
      cm.linter((view) => this.check(view), { delay: QUIET }),
      cm.keymap.of([
        { key: "Mod-s", preventDefault: true, run: () => (this.save(), true) },
        ...cm.closeBracketsKeymap, ...cm.defaultKeymap, ...cm.searchKeymap, ...cm.historyKeymap, ...cm.completionKeymap, ...cm.lintKeymap,
      ]),
      EditorView.lineWrapping, EditorView.theme(LOOK),
      EditorView.contentAttributes.of({ "aria-label": say("config_text"), autocapitalize: "none" }),
      EditorView.updateListener.of((update) => update.docChanged && this.showEdited()),
    ];
  }

  get text() {
    return this.view.state.doc.toString();
  }

  get isEdited() {
    return this.view != null && this.text !== this.saved;
  }

  // Read what the device has; edits are dropped.
  async read() {
    const { text, version, path, is_file: isFile } = await ask("/api/config");
    this.saved = text;
    this.version = version;
    element("config-path").textContent = path;
    this.view.dispatch({ changes: { from: 0, to: this.view.state.doc.length, insert: text } });
    show(element("config-not-file"), !isFile);
    this.showEdited();
  }

  showEdited() {
    element("config-save").disabled = !this.isEdited || this.isSaving || this.mistakes > 0;
    element("config-undo").disabled = !this.isEdited || this.isSaving;
  }

  complete(context) {
    const { word, ...place } = placeOf(context.state.doc.toString(), context.pos);
    if (!word && !context.explicit && place.key == null) return null;
    const options = this.schema.choices(place).map(({ label, kind, about }) => ({
      label, info: about || undefined, type: kind === "key" ? "property" : "enum", apply: kind === "key" ? `${label}: ` : label,
    }));
    return options.length ? { from: context.pos - word.length, options, validFor: /^[\w.-]*$/ } : null;
  }

  // Ask the device what is wrong with the text; each problem is shown on its line.
  async check(view) {
    const { doc } = view.state;
    const { problems } = await ask("/api/config/check", { text: doc.toString() }).catch((error) => ({ problems: [{ line: null, text: sentence(error) }] }));
    this.mistakes = problems.length;
    const words = problems.length === 0 ? say("no_mistakes") : problems.length === 1 ? say("one_mistake") : say("mistakes", { count: problems.length });
    this.tell(words, problems.length ? "bad" : "good");
    element("config-problems").replaceChildren(...problems.map((problem) => this.row(problem)));
    this.showEdited();
    return problems.map(({ line, text }) => {
      const { from, to } = doc.line(Math.min(Math.max(line ?? 1, 1), doc.lines));
      return { from, to, severity: "error", message: text };
    });
  }

  row({ line, text }) {
    if (line == null) return make("li", {}, text);
    const button = make("button", { type: "button", class: "quiet" }, `${say("line", { line })}: ${text}`);
    button.addEventListener("click", () => this.goTo(line));
    return make("li", {}, button);
  }

  goTo(line) {
    const { from } = this.view.state.doc.line(Math.min(line, this.view.state.doc.lines));
    this.view.dispatch({ selection: { anchor: from }, effects: this.parts.EditorView.scrollIntoView(from, { y: "center" }) });
    this.view.focus();
  }

  tell(words, kind = "") {
    element("config-dot").className = `dot ${kind}`;
    element("config-state").textContent = words;
  }

  // Put the text on probation, then reach the page that runs with it: only that keeps it.
  async save() {
    if (!this.isEdited || this.isSaving) return;
    this.isSaving = true;
    this.showEdited();
    this.tell(say("config_trying"), "warn");
    try {
      const { id } = await ask("/api/config", { text: this.text, version: this.version });
      await this.keep(id);
      this.isSaving = false;
      await this.read();
      this.tell(say("config_taken"), "good");
      showMessage(say("config_taken"));
    } catch (error) {
      this.tell(sentence(error), "bad");
      showError(error);
    }
    this.isSaving = false;
    this.showEdited();
  }

  async keep(id) {
    for (let tried = 0; tried < TRIES; tried += 1) {
      const isKept = await ask("/api/config/keep", { id }).then(() => true, () => false);
      if (isKept) return;
      await new Promise((resolve) => setTimeout(resolve, KEEP));
    }
    throw new Error(say("config_lost"));
  }
}
