/** NUL, and halves of surrogate pairs, as JSON writes them: an even number of backslashes may stand before. */
const UNSTORABLE = /(?<!\\)((?:\\\\)*)\\u(?:0000|d[89a-f][0-9a-f]{2})/g

/** A value as JSON that every database takes: characters that PostgreSQL cannot store are replaced by U+FFFD. */
export function portableJson(value: unknown): string {
  const json = JSON.stringify(value)
  return /\\u(?:0000|d)/.test(json) ? json.replaceAll(UNSTORABLE, '$1\ufffd') : json
}
