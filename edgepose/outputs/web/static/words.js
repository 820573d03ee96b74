// The page's texts in the device's language.

const TEXTS = {{texts}};

export const LANGUAGE = "{{language}}";

// Return a text with its names in braces filled in.
export function say(key, values = {}) {
  return (TEXTS[key] ?? key).replace(/\{(\w+)\}/g, (place, name) => values[name] ?? place);
}
