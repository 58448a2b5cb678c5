/** JSON whose integers keep every digit: one that a number cannot hold is a bigint. Slower only where there is one. */

/** The shortest run of digits that may be more than a number holds has so many. */
const LONG = 16;
const TOKEN = /"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;

/**
 * `JSON.parse`, but an integer above 2^53 is a bigint. Throws SyntaxError.
 *
 * @example
 * parseJson("[1, 9007199254740993]"); // [1, 9007199254740993n]
 */
export function parseJson(text: string): unknown {
  if (!hasLongRun(text)) return JSON.parse(text) as unknown;
  const mark = newMark();
  const marked = text.replace(TOKEN, (token) => {
    const isLong = token.length > 15 && !token.startsWith('"') && /^-?\d+$/.test(token);
    return isLong && !Number.isSafeInteger(Number(token)) ? `"${mark}${token}"` : token;
  });
  return JSON.parse(marked, (_, value: unknown) =>
    typeof value === "string" && value.startsWith(mark) ? BigInt(value.slice(mark.length)) : value,
  ) as unknown;
}

/** Looks at every 16th character only: a run of 16 digits has one of them. */
function hasLongRun(text: string): boolean {
  for (let at = LONG - 1; at < text.length; at += LONG) {
    if (!isDigit(text, at)) continue;
    let [start, end] = [at, at + 1];
    while (isDigit(text, start - 1)) start--;
    while (isDigit(text, end)) end++;
    if (end - start >= LONG) return true;
  }
  return false;
}

function isDigit(text: string, at: number): boolean {
  const code = text.charCodeAt(at); // NaN outside of the text
  return code >= 48 && code <= 57;
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
