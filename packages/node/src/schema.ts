/** Schemas of any make as JSON Schema 2020-12, and what they mean to TypeScript. Validates nothing: the core does. */

/** A schema by the Standard Schema specification: Zod, Valibot, ArkType. */
export interface StandardSchema<Input = unknown, Output = Input> {
  readonly "~standard": {
    readonly version: 1;
    readonly vendor: string;
    readonly types?: { readonly input: Input; readonly output: Output } | undefined;
    readonly validate: (value: unknown) => StandardResult<Output> | Promise<StandardResult<Output>>;
    readonly jsonSchema?: {
      readonly input: (options: { target: "draft-2020-12" }) => Record<string, unknown>;
      readonly output: (options: { target: "draft-2020-12" }) => Record<string, unknown>;
    };
  };
}

/** What a Standard Schema makes of a value. */
export type StandardResult<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | { readonly issues: readonly StandardIssue[] };

/** One thing that is wrong with a value. */
export interface StandardIssue {
  readonly message: string;
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
}

/** JSON Schema 2020-12 as a plain object (TypeBox makes such), or `true` for any value. */
export type JsonSchema = object | boolean;

/** Whatever may stand where a schema is wanted. */
export type Schema = StandardSchema | JsonSchema;

/** The type that a handler gets for a schema, or may answer with. */
export type Output<S> =
  S extends StandardSchema<infer _, infer Out> ? Out
  : S extends { readonly static: infer Type } ? Type
  : FromJson<S>;

/** The type of a plain JSON Schema, as far as it tells; of TypeBox's schemas, which are such, too. */
export type FromJson<S> =
  S extends { readonly "~unsafe": infer Type } ? Type
  : S extends { readonly const: infer Value } ? Value
  : S extends { readonly enum: readonly (infer Value)[] } ? Value
  : S extends { readonly anyOf: readonly (infer Member)[] } ? Each<Member>
  : S extends { readonly oneOf: readonly (infer Member)[] } ? Each<Member>
  : S extends { readonly allOf: infer Members extends readonly unknown[] } ? All<Members>
  : S extends { readonly type: readonly (infer Name)[] } ? EachType<S, Name>
  : S extends { readonly type: "string" } ? string
  : S extends { readonly type: "integer" | "number" } ? number
  : S extends { readonly type: "boolean" } ? boolean
  : S extends { readonly type: "null" } ? null
  : S extends { readonly type: "array" } ? FromArray<S>
  : S extends { readonly type: "object" } ? FromObject<S>
  : unknown;

type Each<Member> = Member extends unknown ? FromJson<Member> : never;
type EachType<S, Name> = Name extends unknown ? FromJson<Omit<S, "type"> & { readonly type: Name }> : never;
type All<Members extends readonly unknown[]> =
  Members extends readonly [infer First, ...infer Rest] ? FromJson<First> & All<Rest> : unknown;
type FromArray<S> =
  S extends { readonly prefixItems: infer Items extends readonly unknown[] } ? Tuple<Items>
  : S extends { readonly items: infer Items extends readonly unknown[] } ? Tuple<Items>
  : S extends { readonly items: infer Items } ? FromJson<Items>[]
  : unknown[];
type Tuple<Items extends readonly unknown[]> = { -readonly [At in keyof Items]: FromJson<Items[At]> };
type FromObject<S> =
  S extends { readonly properties: infer Properties } ? Members<Properties, Required<S>>
  : S extends { readonly additionalProperties: infer Value extends object } ? Record<string, FromJson<Value>>
  : S extends { readonly patternProperties: Readonly<Record<string, infer Value>> } ? Record<string, FromJson<Value>>
  : Record<string, unknown>;
type Required<S> = S extends { readonly required: readonly (infer Name)[] } ? Name : never;
type Members<Properties, Names> = Flat<
  { -readonly [Name in keyof Properties as Name extends Names ? Name : never]: FromJson<Properties[Name]> } & {
    -readonly [Name in keyof Properties as Name extends Names ? never : Name]?: FromJson<Properties[Name]>;
  }
>;
/** An intersection as one object type, for readable hints. */
export type Flat<T> = { [Key in keyof T]: T[Key] };

type Json = { [keyword: string]: unknown };
type Direction = "input" | "output";

/** The schemas of one app: each is translated once, and named ones are shared as `#/components/schemas/<name>`. */
export class Schemas {
  readonly components: Record<string, unknown>;

  constructor(shared: Readonly<Record<string, JsonSchema>> = {}) {
    this.components = { ...shared };
  }

  /** A schema as JSON Schema with its named parts moved to the components. Throws SchemaError. */
  json(schema: Schema, direction: Direction): unknown {
    if (typeof schema === "boolean") return schema;
    return this.#hoisted(jsonOf(schema, direction), direction);
  }

  /** The members of an object schema: name, schema, whether it must be there. Throws SchemaError. */
  members(schema: Schema): { name: string; schema: unknown; required: boolean }[] {
    let json = this.json(schema, "input") as Json;
    const shared = /^#\/components\/schemas\/(.+)$/.exec(String(json.$ref ?? ""));
    if (shared?.[1] !== undefined) json = this.components[shared[1]] as Json;
    if (typeof json !== "object" || typeof json.properties !== "object" || json.properties === null) {
      throw new SchemaError('must be the schema of an object; write `z.object({ id: z.int() })`');
    }
    const required = (json.required as string[] | undefined) ?? [];
    return Object.entries(json.properties).map(([name, member]) => ({
      name,
      schema: member as unknown,
      required: required.includes(name),
    }));
  }

  /**
   * Moves `$defs` to the components and points to them there; a schema with an `id` of its own becomes one too. One that
   * reads differently in the other direction (a default makes a member optional on the way in only) gets a second name.
   */
  #hoisted({ $schema: _, $defs, ...body }: Json, direction: Direction): unknown {
    const definitions = new Map(Object.entries(($defs as Record<string, Json> | undefined) ?? {}));
    const own = typeof body.id === "string" ? body.id : undefined;
    if (own !== undefined) definitions.set(own, body);
    const names = new Map([...definitions.keys()].map((name) => [name, name]));
    const shared = (name: string): Json => {
      const { id: _, ...schema } = pointed(definitions.get(name), names) as Json;
      return schema;
    };
    const clash = (name: string): boolean => {
      const known = this.components[names.get(name) ?? name];
      return known !== undefined && JSON.stringify(known) !== JSON.stringify(shared(name));
    };
    // A new name changes what points to it, which may then need a new name too.
    for (let name = [...names.keys()].find(clash); name !== undefined; name = [...names.keys()].find(clash)) {
      const second = name + (direction === "input" ? "Input" : "Output");
      if (names.get(name) === second) {
        throw new SchemaError(`two different schemas are named ${JSON.stringify(name)}; give one of them another id`);
      }
      names.set(name, second);
    }
    for (const name of names.keys()) this.components[names.get(name) ?? name] = shared(name);
    return own === undefined ? pointed(body, names) : { $ref: `#/components/schemas/${names.get(own)}` };
  }
}

/** A schema that Spikard cannot use; says what to write. */
export class SchemaError extends Error {}

/** A Standard Schema, which can do more than its JSON Schema says. */
export function isStandard(schema: unknown): schema is StandardSchema {
  return (typeof schema === "object" || typeof schema === "function") && schema !== null && "~standard" in schema;
}

function jsonOf(schema: StandardSchema | object, direction: Direction): Json {
  if (!isStandard(schema)) return mapped(JSON.parse(JSON.stringify(schema)), withTuples) as Json;
  const { jsonSchema, vendor } = schema["~standard"];
  if (jsonSchema === undefined) {
    throw new SchemaError(`a schema of ${vendor} that gives no JSON Schema; use Zod 4.2, or give a JSON Schema`);
  }
  try {
    const json = jsonSchema[direction]({ target: "draft-2020-12" });
    return (vendor === "zod" ? tidied(json) : json) as Json;
  } catch (error) {
    throw new SchemaError(`a schema of ${vendor} has no JSON Schema: ${error instanceof Error ? error.message : error}`);
  }
}

/** A list of `items`, as TypeBox writes a tuple, is `prefixItems` since 2020-12 (JSON Schema core, section 10.3.1). */
function withTuples(schema: Json): Json {
  if (!Array.isArray(schema.items)) return schema;
  const { items, additionalItems = true, ...rest } = schema;
  return { ...rest, prefixItems: items, items: additionalItems };
}

/**
 * Takes away what Zod writes beside what was asked for: the limits of JavaScript's numbers on every integer, the refusal
 * of members that it would drop, the pattern of a format that the core knows.
 */
function tidied(value: unknown): unknown {
  return mapped(value, (schema) => {
    const { minimum, maximum, additionalProperties, pattern, ...rest } = schema;
    if (pattern !== undefined && rest.format === undefined) rest.pattern = pattern;
    if (minimum !== undefined && minimum !== Number.MIN_SAFE_INTEGER) rest.minimum = minimum;
    if (maximum !== undefined && maximum !== Number.MAX_SAFE_INTEGER) rest.maximum = maximum;
    if (additionalProperties !== undefined && additionalProperties !== false) rest.additionalProperties = additionalProperties;
    return ordered(schema, rest);
  });
}

/** The members of `kept` in the order that they had. */
function ordered(before: Json, kept: Json): Json {
  return Object.fromEntries(Object.keys(before).filter((key) => key in kept).map((key) => [key, kept[key]]));
}

function pointed(value: unknown, names: ReadonlyMap<string, string>): unknown {
  return mapped(value, (schema) => {
    const [, name] = /^#\/\$defs\/(.+)$/.exec(typeof schema.$ref === "string" ? schema.$ref : "") ?? [];
    return name === undefined ? schema : { ...schema, $ref: `#/components/schemas/${names.get(name) ?? name}` };
  });
}

/** Each object inside a schema, innermost first. Values of `default`, `const`, `enum`, `examples` are data. */
function mapped(value: unknown, change: (schema: Json) => Json): unknown {
  if (Array.isArray(value)) return value.map((item) => mapped(item, change));
  if (typeof value !== "object" || value === null) return value;
  const inside = Object.entries(value).map(([key, item]) => [key, DATA.has(key) ? item : mapped(item, change)] as const);
  return change(Object.fromEntries(inside));
}

const DATA = new Set(["default", "const", "enum", "examples"]);
