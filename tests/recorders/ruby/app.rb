# frozen_string_literal: true

# Recording app: a user program that serves any contract with one handler and tells what the handler saw.
#
# Its argument: nothing (handlers on the loop, in fibers), `blocking` (in threads), or `memory` (no socket: the test client).
# Without one its handlers take the body by keyword, which the core then builds while it checks it; else they read the request's.
# Protocol (JSON lines on standard input and output): tests/recorders/README.md.

require "json"
require "spikard"

PROBLEMS = Spikard.constants.map { |name| Spikard.const_get(name) }
                  .select { |one| one.is_a?(Class) && one < Spikard::Problem }.to_h { |one| [one.new.code, one] }

# What to answer and what was seen; shared by the control thread and the handlers.
class Recording
  def initialize
    @lock = Thread::Mutex.new
    prepare({}, {})
  end

  def prepare(reply, hooks)
    @lock.synchronize do
      @reply = reply
      @hooks = hooks
      @ran = []
      @seen = { called: 0 }
    end
  end

  # Notes that a hook ran; what it is to do.
  def run(hook)
    @lock.synchronize do
      @ran << hook
      @hooks.fetch(hook, {})
    end
  end

  def record(seen)
    @lock.synchronize do
      @seen = { called: @seen[:called] + 1, **seen }
      @reply
    end
  end

  def observed
    @lock.synchronize { { **@seen, hooks: @ran } }
  end
end

RECORDING = Recording.new

def tag(value)
  case value
  when nil then { null: nil }
  when true, false then { bool: value }
  when Integer then { int: value.to_s }
  when Float then { float: value.to_s }
  when String then value.encoding == Encoding::BINARY ? { bytes: [value].pack("m0") } : { str: value }
  when Array then { list: value.map { |item| tag(item) } }
  when Hash then { object: tags(value) }
  else raise TypeError, "a handler was given a #{value.class}"
  end
end

def tags(values)
  values.transform_values { |value| tag(value) }
end

def content(request)
  media = request.headers.fetch("content-type", "").split(";", 2)[0].to_s.strip.downcase
  return request.json if media == "application/json" || media.end_with?("+json")

  media.start_with?("text/") ? request.text_body : request.body
end

def handler(operation, takes_body)
  return ->(request) { respond(operation, request) { content(request) } } unless ARGV.empty?
  return ->(request:) { respond(operation, request) { content(request) } } unless takes_body

  ->(request:, body: nil) { respond(operation, request) { body } }
end

def respond(operation, request)
  given = request.parameters
  seen = { operation: operation, query: tags(given[:query]), path: tags(given[:path]),
           headers: tags(given[:header].transform_keys(&:downcase)), cookies: tags(given[:cookie]) }
  seen[:body] = tag(yield) unless request.body.empty?
  seen[:kept] = request.state[:kept] if request.state.key?(:kept)
  seen[:principal] = request.principal.to_h if request.principal
  now = RECORDING.record(seen)
  sleep now["delay_ms"] / 1000.0 if now["delay_ms"]
  answer(now)
end

def answer(now)
  fail_with(now["problem"]) if now["problem"]
  raise now["raise"] if now["raise"]
  return now["value"] if now.key?("value")

  json = now["json"]
  body = if now.key?("json") then json.nil? || json.is_a?(String) ? JSON.generate(json).b : json
         elsif now.key?("text") then now["text"]
         elsif now.key?("base64") then now["base64"].unpack1("m0")
         end
  media = now["content_type"] || ("application/json" if now.key?("json"))
  Spikard.reply(body, status: now["status"], headers: now.fetch("headers", []), content_type: media)
end

def fail_with(wanted)
  code, status, headers = wanted.values_at("code", "status", "headers")
  detail = wanted.fetch("detail", "")
  known = PROBLEMS[code]
  raise known.new(detail, headers: headers || []) if known

  raise Spikard::Problem.new(detail, code: code, status: status, title: code, headers: headers || [])
end

MOMENTS = %i[on_request pre_validation pre_handler on_response on_error].freeze

def hook(name)
  lambda do |request, *more|
    next if request.path == "/health/live"

    sleep 0 if ARGV.empty? # as a hook that waits
    told = RECORDING.run(name)
    request.state[:kept] = told["keep"] if told.key?("keep")
    request.remove_header(told["remove_header"]) if told.key?("remove_header")
    request.set_header(*told["set_header"]) if told.key?("set_header")
    request.add_header(*told["add_header"]) if told.key?("add_header")
    request.query_string = told["set_query"] if told.key?("set_query")
    request.body = told["set_body"] if told.key?("set_body")
    edit(more.first, told["response"]) if told.key?("response")
    answer(told["reply"]) if told.key?("reply")
  end
end

def edit(response, wanted)
  response.status = wanted.fetch("status", response.status)
  response.headers << wanted["header"] if wanted.key?("header")
  response.content = wanted["text"] if wanted.key?("text")
end

# Hooks of every moment by each name, as a route's options.
def hooks(names)
  MOMENTS.to_h { |moment| [moment, (names || []).map { |name| hook("#{name}.#{moment}") }] }
end

def register_hooks(routes, names)
  (names || []).each { |name| MOMENTS.each { |moment| routes.public_send(moment, hook("#{name}.#{moment}")) } }
end

def policy(of)
  said = (of || {}).transform_keys(&:to_sym)
  said[:auth] = said[:auth].map { |way| Spikard::Auth.new(way) } if said[:auth]
  if said[:rate_limit]
    said[:rate_limit] = said[:rate_limit].map do |one|
      Spikard::RateLimit.new(one["requests"], one["window_ms"], **one.except("requests", "window_ms").transform_keys(&:to_sym))
    end
  end
  said
end

def contents(of)
  (of || {}).transform_values { |described| described.fetch("schema", true) }
end

def options(operation)
  responses = operation.fetch("responses", {}).to_h do |status, said|
    [status, { description: said["description"], content: contents(said["content"]) }]
  end
  body = operation["requestBody"]
  {
    operation_id: operation["operationId"], parameters: operation.fetch("parameters", []), response: responses,
    body: body && { content: contents(body["content"]), required: body.fetch("required", false) },
    status: operation["x-spikard-status"], blocking: (true if ARGV[0] == "blocking")
  }.compact.merge(policy(operation["x-spikard-policy"]), hooks(operation["x-spikard-hooks"]))
end

def register(routes, of)
  of.fetch("paths", {}).each do |path, item|
    item.each do |method, operation|
      routes.route(method.upcase, path, to: handler(operation["operationId"], operation.key?("requestBody")), **options(operation))
    end
  end
  of.fetch("files", []).each do |one|
    routes.files(one["path"], one["root"], **one.except("path", "root").transform_keys(&:to_sym))
  end
  of.fetch("groups", []).each do |inner|
    group = routes.group(inner["prefix"], tags: inner.fetch("tags", []), **policy(inner["policy"]))
    register_hooks(group, inner["hooks"])
    register(group, inner)
  end
end

def build(contract, config)
  schemas = contract.dig("components", "schemas") || {}
  app = Spikard::App.new(title: contract["info"]["title"], version: contract["info"]["version"], schemas: schemas,
                         **policy(config), **policy(contract["x-spikard-policy"]))
  register_hooks(app, contract["x-spikard-hooks"])
  register(app, contract.merge("groups" => contract.fetch("x-spikard-groups", []), "files" => contract.fetch("x-spikard-files", [])))
  app
end

def say(told)
  $stdout.puts(JSON.generate(told, max_nesting: 0))
  $stdout.flush
end

def control(client)
  while (line = $stdin.gets)
    told = JSON.parse(line, max_nesting: false)
    break if told["stop"]

    if told.key?("case")
      RECORDING.prepare(told["reply"], told["hooks"])
      say(ok: true)
    elsif told.key?("exchange")
      say(answer: [client.bytes(told["exchange"].unpack1("m0"))].pack("m0"))
    else
      say(RECORDING.observed)
    end
  end
end

start = JSON.parse($stdin.gets, max_nesting: false)["start"]
app = build(start["contract"], start["config"])
app.freeze_app
if ARGV[0] == "memory"
  say(ready: true, in_process: true)
  control(Spikard::TestClient.new(app))
else
  say(ready: true)
  Thread.new do
    control(nil)
    exit!(0)
  end
  app.run
end
