// What may stand at a place of the YAML, by the JSON schema of the configuration.

const KEY = /^(\s*)(?:- )?(["']?)([\w.-]+)\2\s*:(?:\s|$)/;
const TYPE = /(?:^|[,\s])type:\s*["']?(\w+)/;
const TOKEN = /"[^"]*"?|'[^']*'?|[{}[\],]|[\w./$-]+\s*:(?=\s|$)|[^\s{}[\],"']+|\s+/g;

// Return where the cursor is: the keys that lead there, each mapping's `type`, and the word there.
// {path: ["outputs", "page"], types: ["", "web"], key: "host" or null, word: "127"}
export function placeOf(text, at) {
  const lines = text.split("\n");
  const before = text.slice(0, at).split("\n");
  const [number, line] = [before.length - 1, before.at(-1)];
  const indent = line.search(/\S|$/);
  const outer = blocks(lines, number, indent);
  const inside = flow(line, lines[number]);
  return {
    path: [...outer.map(({ key }) => key), ...inside.keys],
    types: [...outer.map(({ type }) => type), siblings(lines, number, indent), ...inside.types],
    key: inside.key,
    word: inside.word,
  };
}

// Return the keys of the block mappings around a line, from the outermost, with the `type` beside
// each.
function blocks(lines, number, indent) {
  const found = [];
  for (let i = number - 1, least = indent; i >= 0 && least > 0; i -= 1) {
    const match = lines[i].match(KEY);
    if (!match || match[1].length >= least) continue;
    least = match[1].length;
    found.unshift({ key: match[3], type: siblings(lines, i, least) });
  }
  return found;
}

// Return the `type` in the block mapping that a line with an indentation belongs to.
function siblings(lines, number, indent) {
  for (const step of [-1, 1]) {
    for (let i = step < 0 ? number : number + 1; i >= 0 && i < lines.length; i += step) {
      const own = lines[i].search(/\S/);
      if (own === -1 || lines[i][own] === "#") continue;
      if (own < indent) break;
      const type = own === indent && lines[i].match(/^\s*type:\s*["']?(\w+)/);
      if (type) return type[1];
    }
  }
  return "";
}

// Return what is open at the end of a line's beginning: the keys that lead into its `{`, the `type`
// in each, the key whose value is being written, and the word there. line: the whole of it.
function flow(beginning, line) {
  const opened = [];
  let [key, word] = [null, ""];
  for (const { 0: token, index } of beginning.matchAll(TOKEN)) {
    if (/:$/.test(token)) [key, word] = [token.slice(0, -1).trim(), ""];
    else if (token === "{" || token === "[") {
      opened.push({ token, key, start: index + 1 });
      if (token === "{") key = null;
      word = "";
    } else if (token === "}" || token === "]") [key, word] = [opened.pop()?.key ?? null, ""];
    else if (token === ",") {
      if (opened.at(-1)?.token === "{") key = null;
      word = "";
    } else word = token.trim() && token !== "-" ? token : "";
  }
  const mappings = opened.filter(({ token, key: name }) => token === "{" && name);
  const types = mappings.map(({ start }) => line.slice(start).match(TYPE)?.[1] ?? "");
  return { keys: mappings.map((one) => one.key), types, key, word };
}

// A schema, and what it offers at a place.
export class Schema {
  // names: returns the known names of a kind ("template", "exercise", "routine").
  constructor(root, names) {
    this.root = root;
    this.names = names;
  }

  // Return the choices at a place: {label, kind: "key" or "value", about}.
  choices({ path, types, key }) {
    let here = this.branches(this.root, "");
    path.forEach((name, i) => {
      here = here.flatMap((part) => this.branches(this.below(part, name), types[i + 1] ?? types.at(-1)));
    });
    return key == null ? this.keys(here) : this.values(here, key, types.at(-1));
  }

  below(part, name) {
    return part.properties?.[name] ?? part.additionalProperties ?? part.items ?? {};
  }

  // Return the schemas that hold at once or instead of each other; those of other types are left out.
  branches(schema, type) {
    if (!schema || typeof schema !== "object") return [];
    const parts = [schema];
    if (schema.$ref) parts.push(...this.branches(this.root.$defs[schema.$ref.split("/").at(-1)], type));
    for (const one of [...(schema.anyOf ?? []), ...(schema.oneOf ?? [])]) parts.push(...this.branches(one, type));
    for (const { if: condition, then, ...rest } of schema.allOf ?? []) {
      if (!condition) parts.push(...this.branches(rest, type));
      else if (condition.properties?.type?.const === type) parts.push(...this.branches(then, type));
    }
    return parts;
  }

  keys(parts) {
    const found = new Map();
    for (const { properties = {} } of parts) {
      for (const [name, schema] of Object.entries(properties)) {
        if (!found.has(name)) found.set(name, { label: name, kind: "key", about: schema.description ?? "" });
      }
    }
    return [...found.values()];
  }

  values(parts, key, type) {
    const of = parts.flatMap((part) => this.branches(this.below(part, key), type));
    const all = of.flatMap((part) => [part, ...this.branches(part.items, type)]);
    const words = all.flatMap((part) => [
      ...(part.enum ?? []), ...("const" in part ? [part.const] : []), ...(part.type === "boolean" && !("const" in part) ? [true, false] : []),
    ]);
    const about = all.find((part) => part.description)?.description ?? "";
    const names = this.names(key);
    return [...new Set([...names, ...words].map(String))].map((label) => ({ label, kind: "value", about }));
  }
}
