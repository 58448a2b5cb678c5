/** JSON whose integers keep every digit: one that a number cannot hold is a bigint. Slower only where there is one. */

/** A digit run that may be more than a number holds. */
const LONG = /\d{16}/;
const TOKEN = /"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;

/**
 * `JSON.parse`, but an integer above 2^53 is a bigint. Throws SyntaxError.
 *
 * @example
 * parseJson("[1, 9007199254740993]"); // [1, 9007199254740993n]
 */
export function parseJson(text: string): unknown {
  if (!LONG.test(text)) return JSON.parse(text) as unknown;
  const mark = newMark();
  const marked = text.replace(TOKEN, (token) => {
    const isLong = token.length > 15 && !token.startsWith('"') && /^-?\d+$/.test(token);
    return isLong && !Number.isSafeInteger(Number(token)) ? `"${mark}${token}"` : token;
  });
  return JSON.parse(marked, (_, value: unknown) =>
    typeof value === "string" && value.startsWith(mark) ? BigInt(value.slice(mark.length)) : value,
  ) as unknown;
}

/** `JSON.stringify`, but a bigint is written as an integer (RFC 8259 section 6). `undefined` for what JSON has no word for. */
export function stringifyJson(value: unknown): string | undefined {
  try {
    return JSON.stringify(value) as string | undefined;
  } catch (error) {
    if (!(error instanceof TypeError && /bigint/i.test(error.message))) throw error;
  }
  const mark = newMark();
  const text = JSON.stringify(value, (_, inner: unknown) => (typeof inner === "bigint" ? `${mark}${inner}` : inner));
  return text.replaceAll(new RegExp(`"${mark}(-?\\d+)"`, "g"), "$1");
}

/** The start of a string that no text can hold by chance. */
function newMark(): string {
  return `bigint-${Math.random().toString(36).slice(2)}${Math.random().toString(36).slice(2)}:`;
}
