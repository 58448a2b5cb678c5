/** Rejections that nobody handles while an app serves: one request's mistake does not end the others. Answers nothing. */

import { inspect } from "node:util";

/** Apps of this thread that serve. */
let serving = 0;

function tell(reason: unknown): void {
  process.stderr.write(`spikard: a promise was rejected and nobody handled it (await it, or catch it): ${inspect(reason)}\n`);
}

/**
 * Without a listener Node ends the process at the first such rejection, also when the handler awaits that promise a moment
 * later. Until the returned function is called they are told on standard error instead. A program that has its own listener
 * for `unhandledRejection` by then keeps deciding alone.
 */
export function outlive(): () => void {
  if (serving++ === 0 && process.listenerCount("unhandledRejection") === 0) process.on("unhandledRejection", tell);
  return () => {
    if (--serving === 0) process.off("unhandledRejection", tell);
  };
}
