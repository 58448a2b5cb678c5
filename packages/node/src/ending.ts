/** The end of a process while an app serves: those who wait are answered first. Ends nothing by itself. */

import { isMainThread } from "node:worker_threads";
import { lastWords, unwind } from "./bridge.js";

/** Apps of this thread that serve. */
let serving = 0;

/** What `process.exit()` calls when its listeners have run; Node leaves it to be replaced, and has no other place for this. */
const place = process as unknown as { reallyExit: (code: number) => never };
const { reallyExit } = place;

function exit(code: number): never {
  if (unwind(code)) for (;;); // inside of a handler: it never returns from `process.exit()`, and its client is answered
  lastWords(code);
  return reallyExit.call(process, code);
}

/** Until the returned function is called. An end by an error that nobody catches is told by the event `exit` only. */
export function answerAtExit(): () => void {
  if (!isMainThread) return () => undefined;
  if (serving++ === 0) {
    process.on("exit", lastWords);
    place.reallyExit = exit;
  }
  return () => {
    if (--serving > 0) return;
    process.off("exit", lastWords);
    if (place.reallyExit === exit) place.reallyExit = reallyExit;
  };
}
