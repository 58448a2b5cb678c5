/** The values of one call, as the core gives them, in the groups of its context. Checks none: the core has. */

import { LIST } from "./bridge.js";
import type { Context } from "./context.js";
import { PLACES, type Group } from "./place.js";
import type { ParameterSpec } from "./route.js";

/** Sets the groups of a context; see `Callable` for what `values` holds. */
export type Gather = (context: Context, values: unknown[]) => void;

/** How the values of a route's parameters are gathered. */
export function gatherer(parameters: readonly ParameterSpec[]): Gather {
  const [groups, count] = [groupsOf(parameters), parameters.length];
  const fill = compiled(groups) ?? interpreted(groups);
  return (context, values) => {
    if (values.length > count) list(values, count);
    fill(context, values);
  };
}

/** Makes the lists among the `count` values of a call of what follows those. */
function list(values: unknown[], count: number): void {
  for (let at = 0, tail = count; tail < values.length; at++) {
    if (values[at] !== LIST) continue;
    const items = new Array<unknown>(values[tail] as number);
    for (let item = 0; item < items.length; item++) items[item] = values[tail + 1 + item];
    values[at] = items;
    tail += items.length + 1;
  }
}

interface Slot {
  readonly name: string;
  /** Its value is never `undefined`. */
  readonly required: boolean;
  /** The place of its value among those of a call. */
  readonly at: number;
}

type Groups = readonly (readonly [group: Group, slots: readonly Slot[]])[];

function groupsOf(parameters: readonly ParameterSpec[]): Groups {
  const slots = (wanted: string): Slot[] =>
    parameters.flatMap(({ name, in: place, required = false }, at) => (place === wanted ? [{ name, required, at }] : []));
  return PLACES.map(([group, place]) => [group, slots(place)] as const).filter(([, slots]) => slots.length > 0);
}

/**
 * Code with the route's own names in it, which V8 makes objects of one shape with: half of the time of the loops below.
 * Nothing where Node forbids to make code from text (`--disallow-code-generation-from-strings`).
 */
function compiled(groups: Groups): Gather | undefined {
  const lines = groups.flatMap(([group, slots]) => {
    const key = ({ name }: Slot): string => `[${JSON.stringify(name)}]`;
    const first = slots.findIndex(({ required }) => !required);
    const always = first < 0 ? slots : slots.slice(0, first);
    return [
      `const ${group} = { ${always.map((slot) => `${key(slot)}: values[${slot.at}]`).join(", ")} };`,
      ...slots.slice(always.length).map((slot) => `if (values[${slot.at}] !== undefined) ${group}${key(slot)} = values[${slot.at}];`),
      `context.${group} = ${group};`,
    ];
  });
  try {
    return new Function("context", "values", lines.join("\n")) as Gather;
  } catch (error) {
    if (error instanceof EvalError) return undefined;
    throw error;
  }
}

function interpreted(groups: Groups): Gather {
  return (context, values) => {
    for (const [group, slots] of groups) {
      const sent: Record<string, unknown> = {};
      for (const { name, at } of slots) {
        if (values[at] !== undefined) sent[name] = values[at];
      }
      context[group] = sent;
    }
  };
}
