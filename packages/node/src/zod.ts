/**
 * What a Zod schema does beyond its JSON Schema: the core has checked that, so Zod runs for the values that it may still
 * change or refuse and for no other. Validates nothing, and does not need Zod: it reads the definitions that every schema
 * of Zod 4 carries in `_zod.def`.
 */

/** Whether Zod has to see a value that fits the JSON Schema. */
export type Concerns = (value: unknown) => boolean;

const never: Concerns = () => false;
const always: Concerns = () => true;

/** A definition, with the members that matter here. */
interface Definition {
  readonly type: string;
  readonly check?: string;
  readonly checks?: readonly { readonly _zod: { readonly def: CheckDefinition } }[];
  readonly coerce?: boolean;
  readonly innerType?: unknown;
  readonly element?: unknown;
  readonly keyType?: unknown;
  readonly valueType?: unknown;
  readonly options?: readonly unknown[];
  readonly inclusive?: boolean;
  readonly shape?: Readonly<Record<string, unknown>>;
  readonly catchall?: unknown;
  readonly values?: readonly unknown[];
}

interface CheckDefinition {
  readonly check: string;
  readonly format?: string;
  readonly pattern?: RegExp;
  readonly position?: number;
}

/**
 * The values that a schema concerns. What this module does not know (another version of Zod, a class of the user's)
 * concerns every value.
 *
 * @example
 * concerns(z.object({ id: z.int() }))({ id: 1 }); // false
 * concerns(z.object({ id: z.int() }))({ id: 1, other: 2 }); // true: Zod takes `other` away
 * concerns(z.string().trim())("a"); // true
 */
export function concerns(schema: unknown, inside: ReadonlySet<unknown> = new Set()): Concerns {
  const definition = definitionOf(schema);
  if (definition === undefined || inside.has(schema)) return always; // a schema inside itself: the walk would not end
  if (definition.coerce === true || !(definition.checks ?? []).every(({ _zod }) => isSaid(_zod.def))) return always;
  // A format such as `z.email()` is a check itself.
  if (definition.check !== undefined && !isSaid(definition as CheckDefinition)) return always;
  return TYPES[definition.type]?.(definition, new Set([...inside, schema])) ?? always;
}

/** Checks that JSON Schema has words for. Zod's formats are narrower than those of the same name there. */
const SAID = new Set([
  "less_than", "greater_than", "multiple_of", "number_format", "min_length", "max_length", "length_equals",
]);
const PATTERNS = new Set(["regex", "starts_with", "ends_with", "includes"]);

function isSaid({ check, format, pattern, position }: CheckDefinition): boolean {
  if (check !== "string_format") return SAID.has(check);
  // JSON Schema has no flags; `u` is what it means.
  return PATTERNS.has(format ?? "") && position === undefined && ["", "u"].includes(pattern?.flags ?? "");
}

type Inside = ReadonlySet<unknown>;
const TYPES: Readonly<Record<string, (definition: Definition, inside: Inside) => Concerns>> = {
  string: () => never,
  number: numbers,
  boolean: () => never,
  null: () => never,
  any: () => never,
  unknown: () => never,
  enum: () => never,
  literal: ({ values }) => ((values ?? []).some((value) => typeof value === "bigint") ? always : never),
  optional: ({ innerType }, inside) => concerns(innerType, inside),
  nullable: ({ innerType }, inside) => unless(null, concerns(innerType, inside)),
  default: ({ innerType }, inside) => concerns(innerType, inside),
  array: ({ element }, inside) => lists(concerns(element, inside)),
  record: records,
  union: unions,
  object: objects,
};

/** An integer that a number cannot hold comes as a bigint, and one with an exponent not exactly. */
function numbers(definition: Definition): Concerns {
  const checks = [definition as CheckDefinition, ...(definition.checks ?? []).map(({ _zod }) => _zod.def)];
  const isInteger = checks.some(({ check, format }) => check === "number_format" && format?.includes("int") === true);
  return isInteger ? (value) => !Number.isSafeInteger(value) : (value) => !Number.isFinite(value);
}

function unless(exception: unknown, inner: Concerns): Concerns {
  return isSure(inner) ? inner : (value) => value !== exception && inner(value);
}

function isSure(concern: Concerns): boolean {
  return concern === never || concern === always;
}

function lists(element: Concerns): Concerns {
  return isSure(element) ? element : (value) => (value as readonly unknown[]).some(element);
}

function records({ keyType, valueType }: Definition, inside: Inside): Concerns {
  const value = concerns(valueType, inside);
  // Of the names that an enum lists, Zod wants every one.
  if (typeOf(keyType) !== "string" || concerns(keyType, inside) !== never || value === always) return always;
  return (record) => Object.entries(record as object).some(([name, member]) => name === "__proto__" || value(member));
}

/** Whose member a value is, only Zod knows: no matter where all are scalars. */
function unions({ options, inclusive }: Definition, inside: Inside): Concerns {
  const members = (options ?? []).map((option) => ({ option, concern: concerns(option, inside) }));
  if (inclusive === false || !members.every(({ option }) => isScalar(option))) return always;
  const concern = members.map((member) => member.concern).filter((member) => member !== never);
  if (concern.includes(always)) return always;
  return concern.length === 0 ? never : (value) => isNumeric(value) && concern.some((member) => member(value));
}

/** What a scalar that is not always or never of concern looks at. */
function isNumeric(value: unknown): boolean {
  return typeof value === "number" || typeof value === "bigint";
}

function isScalar(schema: unknown): boolean {
  return ["string", "number", "boolean", "null", "enum", "literal"].includes(typeOf(schema) ?? "");
}

function typeOf(schema: unknown): string | undefined {
  return definitionOf(schema)?.type;
}

function definitionOf(schema: unknown): Definition | undefined {
  return (schema as { readonly _zod?: { readonly def?: Definition } } | undefined)?._zod?.def;
}

/** Zod takes away or refuses what the shape does not name, and fills in what was not sent. */
function objects({ shape = {}, catchall }: Definition, inside: Inside): Concerns {
  if (catchall !== undefined && typeOf(catchall) !== "never") return always;
  const members = Object.entries(shape).map(([name, schema]) => ({ name, concern: concerns(schema, inside), fills: fills(schema) }));
  if (members.some(({ name, concern }) => concern === always || name in Object.prototype)) return always;
  return (value) => {
    const object = value as Readonly<Record<string, unknown>>;
    let known = 0;
    for (const { name, concern, fills } of members) {
      const member = object[name];
      if (member === undefined) {
        if (fills) return true;
      } else {
        known += 1;
        if (concern !== never && concern(member)) return true;
      }
    }
    return Object.keys(object).length !== known;
  };
}

/** Makes a value where none was sent. */
function fills(schema: unknown): boolean {
  const definition = definitionOf(schema);
  if (definition?.type === "default") return true;
  return ["optional", "nullable"].includes(definition?.type ?? "") && fills(definition?.innerType);
}
