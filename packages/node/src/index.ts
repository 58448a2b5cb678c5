/** Spikard: HTTP APIs on one core written in Rust. This page is the contents; each name is documented where it lives. */

export { App, type AppInit, type ListenOptions, type RunOptions, type Server } from "./app.js";
export type { AppOptions, Policy } from "./config.js";
export {
  DefinitionError, Problem, type ProblemOptions,
  Conflict, ContentTooLarge, Forbidden, HandlerTimeout, HeadersTooLarge, InternalError, InvalidRequest, MalformedJson,
  MalformedRequest, MethodNotAllowed, MethodNotImplemented, NotAcceptable, NotFound, PreconditionFailed,
  RangeNotSatisfiable, RequestTimeout, ResponseInvalid, TooManyRequests, Unauthenticated, Unavailable,
  UnsupportedMediaType, UriTooLong,
} from "./errors.js";
export {
  HookedResponse, StreamedContent, type ErrorHook, type HookAnswer, type HookOptions, type RequestHook, type ResponseHook,
} from "./hooks.js";
export { parseJson, stringifyJson } from "./json.js";
export {
  anyone, apiKey, basic, bearer, type Algorithm, type ApiKeyOptions, type Auth, type BearerOptions, type Gate, type Granted, type Principal,
  type RateLimit, type WayOptions,
} from "./policy.js";
export { Request, type RequestState } from "./request.js";
export { reply, Reply, type CookieOptions, type HeaderFields, type ReplyOptions } from "./response.js";
export type { Content } from "./content.js";
export type { DescribedResponse, ParameterSpec, Responses, RouteOptions } from "./route.js";
export type { Answered, FilesOptions, Given, Group, GroupOptions, PathParams, Verb } from "./routing.js";
export type { JsonSchema, Output, Schema, StandardSchema } from "./schema.js";
export { TestClient, TestResponse, type TestRequest } from "./testing.js";
