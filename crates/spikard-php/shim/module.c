/* What PHP sees of the extension: a class, a few functions, their types. Decides nothing; src/ does. */
#include "shim.h"
#include "ext/spl/spl_exceptions.h"
#include "ext/standard/info.h"
#include "php_network.h"
#include "zend_exceptions.h"
#include "zend_signal.h"
#include "SAPI.h"
#include <signal.h>

#ifndef SPIKARD_VERSION
#define SPIKARD_VERSION "0.0.0"
#endif

/* ---- Spikard\Native\App ------------------------------------------------------------------------------------------ */

typedef struct {
    void *rust;
    zval told;                                            /* keeps the callables alive, and shows them to the collector */
    sp_handler **handlers;
    uint32_t count;
    bool serving;
    zend_object std;
} app_object;

static zend_class_entry *app_class;
static zend_object_handlers app_handlers;

static app_object *app_of(zend_object *object) { return (app_object *) ((char *) object - XtOffsetOf(app_object, std)); }

static zend_object *app_create(zend_class_entry *class) {
    app_object *app = zend_object_alloc(sizeof *app, class);
    app->rust = NULL;
    app->serving = false;
    ZVAL_UNDEF(&app->told);
    app->handlers = NULL;
    app->count = 0;
    zend_object_std_init(&app->std, class);
    object_properties_init(&app->std, class);
    app->std.handlers = &app_handlers;
    return &app->std;
}

static void forget_handlers(app_object *app) {
    for (uint32_t i = 0; i < app->count; i++) sp_handler_free(app->handlers[i]);
    if (app->handlers) efree(app->handlers);
    app->handlers = NULL;
    app->count = 0;
}

static void app_free(zend_object *object) {
    app_object *app = app_of(object);
    if (app->rust && !sp_engine_is_lost()) sp_rust_app_free(app->rust);
    forget_handlers(app);
    zval_ptr_dtor(&app->told);
    zend_object_std_dtor(object);
}

static HashTable *app_gc(zend_object *object, zval **table, int *count) {
    app_object *app = app_of(object);
    zend_get_gc_buffer *buffer = zend_get_gc_buffer_create();
    zend_get_gc_buffer_add_zval(buffer, &app->told);
    for (uint32_t i = 0; i < app->count; i++) zend_get_gc_buffer_add_zval(buffer, sp_handler_made(app->handlers[i]));
    zend_get_gc_buffer_use(buffer, table, count);
    return zend_std_get_properties(object);
}

static zend_string *string_of(sp_text text) {
    zend_string *string = zend_string_init(text.text, text.length, 0);
    sp_rust_text_free(text);
    return string;
}

/* The text of a good outcome; of another it is thrown. */
static zend_string *text_or_throw(sp_outcome outcome, zend_class_entry *class) {
    zend_string *text = string_of(outcome.text);
    if (outcome.good) return text;
    zend_throw_exception(class, ZSTR_VAL(text), 0);
    zend_string_release(text);
    return NULL;
}

static void or_throw(sp_outcome outcome, zend_class_entry *class) {
    zend_string *text = text_or_throw(outcome, class);
    if (text) zend_string_release(text);
}

static void return_text(zval *return_value, sp_outcome outcome) {
    zend_string *text = text_or_throw(outcome, spl_ce_RuntimeException);
    if (text) RETVAL_STR(text);
}

#define THIS_APP \
    app_object *app = app_of(Z_OBJ_P(ZEND_THIS)); \
    if (!app->rust) { zend_throw_error(NULL, "the app was not constructed"); RETURN_THROWS(); }

ZEND_METHOD(Spikard_Native_App, __construct) {
    zend_string *spec;
    HashTable *list;
    zval *handlers, *entry;
    if (zend_parse_parameters(ZEND_NUM_ARGS(), "Sa", &spec, &handlers) == FAILURE) RETURN_THROWS();
    app_object *app = app_of(Z_OBJ_P(ZEND_THIS));
    if (app->rust) { zend_throw_error(NULL, "the app is constructed already"); RETURN_THROWS(); }
    list = Z_ARRVAL_P(handlers);
    app->handlers = ecalloc(zend_hash_num_elements(list) + 1, sizeof *app->handlers);
    ZEND_HASH_FOREACH_VAL(list, entry) {
        sp_handler *handler = Z_TYPE_P(entry) == IS_ARRAY ? sp_handler_new(entry) : NULL;
        if (!handler) {
            forget_handlers(app);
            zend_argument_type_error(2, "must be a list of [callable, bool, bool, ?array, ?array, callable]");
            RETURN_THROWS();
        }
        app->handlers[app->count++] = handler;
    } ZEND_HASH_FOREACH_END();
    sp_outcome made = sp_rust_app_new(bytes_of(spec), app->handlers, app->count);
    app->rust = made.app;
    if (made.good) ZVAL_COPY(&app->told, handlers); else forget_handlers(app);
    or_throw(made, zend_ce_value_error);
}

ZEND_METHOD(Spikard_Native_App, openapi) {
    ZEND_PARSE_PARAMETERS_NONE();
    THIS_APP
    RETURN_STR(string_of(sp_rust_app_openapi(app->rust)));
}

ZEND_METHOD(Spikard_Native_App, routes) {
    ZEND_PARSE_PARAMETERS_NONE();
    THIS_APP
    return_text(return_value, sp_rust_app_routes(app->rust));
}

/* PHP holds back the signals that it knows (ZEND_SIGNALS) and would end the process itself. */
static void default_signals(void) {
    struct sigaction action = { .sa_handler = SIG_DFL };
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGHUP, &action, NULL);
}

#define MEMORY_TOLD "SPIKARD_MEMORY_TOLD"

/* A runaway handler without a limit takes the memory of the whole machine. Told by whoever starts first: the command, or a
 * worker that nobody started. */
static void tell_memory(void) {
    if (PG(memory_limit) > 0 || getenv(MEMORY_TOLD)) return;
    setenv(MEMORY_TOLD, "1", 1);
    fputs("spikard: memory_limit is not set: each worker has 256M (set another in php.ini, or with ini_set() in the program)\n", stderr);
}

static void limit_memory(void) {
    tell_memory();
    unsetenv(MEMORY_TOLD);                                /* what this process starts was told nothing */
    if (PG(memory_limit) > 0) return;
    zend_string *name = zend_string_init(ZEND_STRL("memory_limit"), 0), *limit = zend_string_init(ZEND_STRL("256M"), 0);
    zend_alter_ini_entry(name, limit, PHP_INI_USER, PHP_INI_STAGE_RUNTIME);
    zend_string_release(name);
    zend_string_release(limit);
}

ZEND_METHOD(Spikard_Native_App, serve) {
    zend_string *host = NULL;
    zend_long port = 0;
    bool no_port = 1;
    if (zend_parse_parameters(ZEND_NUM_ARGS(), "|S!l!", &host, &port, &no_port) == FAILURE) RETURN_THROWS();
    THIS_APP
    if (sp_in_job()) { zend_throw_error(NULL, "an app cannot be served from inside a handler"); RETURN_THROWS(); }
    limit_memory();
    sp_engine_enter();
    default_signals();
    sp_outcome served = sp_rust_app_serve(app->rust, bytes_of(host), no_port ? SP_NO_PORT : port);
    sp_engine_leave();
    or_throw(served, spl_ce_RuntimeException);
    if (served.code) {
        /* PHP's own way out: destructors and shutdown functions run, nothing is jumped over. */
        EG(exit_status) = served.code;
        zend_throw_unwind_exit();
        RETURN_THROWS();
    }
}

ZEND_METHOD(Spikard_Native_App, drain) {
    ZEND_PARSE_PARAMETERS_NONE();
    THIS_APP
    sp_rust_app_drain(app->rust);
}

/* Or null when there is none. */
static void text_of_call(INTERNAL_FUNCTION_PARAMETERS, int which) {
    zend_long call;
    if (zend_parse_parameters(ZEND_NUM_ARGS(), "l", &call) == FAILURE) RETURN_THROWS();
    THIS_APP
    sp_outcome found = sp_rust_app_text(app->rust, call, which);
    if (found.good) RETURN_STR(string_of(found.text));
}

ZEND_METHOD(Spikard_Native_App, head) { text_of_call(INTERNAL_FUNCTION_PARAM_PASSTHRU, SP_HEAD); }
ZEND_METHOD(Spikard_Native_App, body) { text_of_call(INTERNAL_FUNCTION_PARAM_PASSTHRU, SP_BODY); }
ZEND_METHOD(Spikard_Native_App, response) { text_of_call(INTERNAL_FUNCTION_PARAM_PASSTHRU, SP_RESPONSE); }
ZEND_METHOD(Spikard_Native_App, problem) { text_of_call(INTERNAL_FUNCTION_PARAM_PASSTHRU, SP_PROBLEM); }

ZEND_METHOD(Spikard_Native_App, edit) {
    zend_long call;
    zend_string *what, *name, *value;
    if (zend_parse_parameters(ZEND_NUM_ARGS(), "lSSS", &call, &what, &name, &value) == FAILURE) RETURN_THROWS();
    THIS_APP
    or_throw(sp_rust_app_edit(app->rust, call, bytes_of(what), bytes_of(name), bytes_of(value)), zend_ce_value_error);
}

ZEND_METHOD(Spikard_Native_App, kept) {
    zend_long call;
    if (zend_parse_parameters(ZEND_NUM_ARGS(), "l", &call) == FAILURE) RETURN_THROWS();
    THIS_APP
    const zval *kept = sp_rust_app_kept(app->rust, call);
    if (kept) RETURN_COPY(kept);
}

ZEND_METHOD(Spikard_Native_App, keep) {
    zend_long call;
    zval *value;
    if (zend_parse_parameters(ZEND_NUM_ARGS(), "lo", &call, &value) == FAILURE) RETURN_THROWS();
    THIS_APP
    sp_rust_app_keep(app->rust, call, value);
}

ZEND_METHOD(Spikard_Native_App, isAwaited) {
    zend_long call;
    if (zend_parse_parameters(ZEND_NUM_ARGS(), "l", &call) == FAILURE) RETURN_THROWS();
    THIS_APP
    RETURN_BOOL(sp_rust_app_awaited(app->rust, call));
}

ZEND_METHOD(Spikard_Native_App, exchange) {
    zend_string *bytes;
    if (zend_parse_parameters(ZEND_NUM_ARGS(), "S", &bytes) == FAILURE) RETURN_THROWS();
    THIS_APP
    if (sp_in_job()) { zend_throw_error(NULL, "a test client cannot be used inside a handler"); RETURN_THROWS(); }
    sp_outcome answer = sp_rust_app_exchange(app->rust, bytes_of(bytes));
    if (answer.good && sp_engine_is_lost()) {
        /* A fatal error in a handler ends the program that tests it, as it would end any. */
        sp_rust_text_free(answer.text);
        EG(exit_status) = 255;
        zend_throw_unwind_exit();
        RETURN_THROWS();
    }
    return_text(return_value, answer);
}

ZEND_METHOD(Spikard_Native_App, spawn) {
    zval *function;
    if (zend_parse_parameters(ZEND_NUM_ARGS(), "z", &function) == FAILURE) RETURN_THROWS();
    THIS_APP
    sp_handler *task = sp_handler_kept(function, NULL);   /* until it has run */
    if (!task) { zend_argument_type_error(1, "must be callable"); RETURN_THROWS(); }
    sp_rust_app_spawn(app->rust, task);
}

/* ---- functions --------------------------------------------------------------------------------------------------- */

static uint64_t microseconds_of(double seconds) { return seconds > 0 ? (uint64_t) (MIN(seconds, 1e12) * 1e6) : 0; }

ZEND_FUNCTION(Spikard_sleep) {
    double seconds;
    if (zend_parse_parameters(ZEND_NUM_ARGS(), "d", &seconds) == FAILURE) RETURN_THROWS();
    sp_wait(SP_SLEEP, -1, microseconds_of(seconds));
}

static void await_stream(INTERNAL_FUNCTION_PARAMETERS, int kind) {
    zval *resource;
    double timeout = 0;
    bool forever = 1;
    php_stream *stream;
    php_socket_t fd;
    if (zend_parse_parameters(ZEND_NUM_ARGS(), "r|d!", &resource, &timeout, &forever) == FAILURE) RETURN_THROWS();
    php_stream_from_zval(stream, resource);
    if (kind == SP_READABLE && stream->writepos > stream->readpos) RETURN_TRUE;        /* PHP has read it already */
    if (php_stream_cast(stream, PHP_STREAM_AS_FD_FOR_SELECT | PHP_STREAM_CAST_INTERNAL, (void *) &fd, 1) != SUCCESS) {
        zend_argument_value_error(1, "must be a stream that has a descriptor");
        RETURN_THROWS();
    }
    RETURN_BOOL(sp_wait(kind, fd, forever ? UINT64_MAX : microseconds_of(timeout)));
}

ZEND_FUNCTION(Spikard_await_readable) { await_stream(INTERNAL_FUNCTION_PARAM_PASSTHRU, SP_READABLE); }
ZEND_FUNCTION(Spikard_await_writable) { await_stream(INTERNAL_FUNCTION_PARAM_PASSTHRU, SP_WRITABLE); }

static bool may_wait(void) {
    if (sp_may_wait()) return true;
    zend_throw_error(NULL, "only a handler or a task can wait for the event loop; this code runs in neither, or its route is `sync`");
    return false;
}

ZEND_FUNCTION(Spikard_Native_ticket) {
    ZEND_PARSE_PARAMETERS_NONE();
    if (!may_wait()) RETURN_THROWS();
    RETURN_LONG(sp_ticket());
}

ZEND_FUNCTION(Spikard_Native_park) {
    double timeout = 0;
    bool forever = 1;
    if (zend_parse_parameters(ZEND_NUM_ARGS(), "|d!", &timeout, &forever) == FAILURE) RETURN_THROWS();
    if (!may_wait()) RETURN_THROWS();
    RETURN_BOOL(sp_wait(SP_SLEEP, -1, forever ? UINT64_MAX : microseconds_of(timeout)));
}

ZEND_FUNCTION(Spikard_Native_wake) {
    zend_long ticket;
    if (zend_parse_parameters(ZEND_NUM_ARGS(), "l", &ticket) == FAILURE) RETURN_THROWS();
    sp_rust_wake(ticket);
}

ZEND_FUNCTION(Spikard_Native_tables) {
    ZEND_PARSE_PARAMETERS_NONE();
    RETURN_STR(string_of(sp_rust_tables()));
}

ZEND_FUNCTION(Spikard_Native_announceReady) {
    ZEND_PARSE_PARAMETERS_NONE();
    sp_rust_announce();
}

/* Objects of the class are made without a call: see sp_only_keeps. */
ZEND_FUNCTION(Spikard_Native_onlyKeeps) {
    zend_string *name;
    if (zend_parse_parameters(ZEND_NUM_ARGS(), "S", &name) == FAILURE) RETURN_THROWS();
    zend_class_entry *class = zend_lookup_class(name);
    RETURN_BOOL(class && sp_only_keeps(class));
}

/* Of the texts of a list; `words` are to be freed. */
static sp_command command_of(HashTable *list, zend_string *interpreter, zend_string *program) {
    sp_bytes *words = ecalloc(zend_hash_num_elements(list) + 1, sizeof *words);
    sp_command command = { words, 0, bytes_of(interpreter), bytes_of(program) };
    zval *word;
    ZEND_HASH_FOREACH_VAL(list, word) {
        if (Z_TYPE_P(word) == IS_STRING) words[command.count++] = bytes_of(Z_STR_P(word));
    } ZEND_HASH_FOREACH_END();
    return command;
}

static bool starts_workers(HashTable *arguments) {
    const zval *verb = zend_hash_index_find(arguments, 1);
    return verb && Z_TYPE_P(verb) == IS_STRING && (zend_string_equals_literal(Z_STR_P(verb), "run") || zend_string_equals_literal(Z_STR_P(verb), "dev"));
}

ZEND_FUNCTION(Spikard_Native_command) {
    HashTable *arguments;
    zend_string *interpreter, *program;
    if (zend_parse_parameters(ZEND_NUM_ARGS(), "hSS", &arguments, &interpreter, &program) == FAILURE) RETURN_THROWS();
    sp_command command = command_of(arguments, interpreter, program);
    default_signals();
    if (starts_workers(arguments)) tell_memory();
    RETVAL_LONG(sp_rust_command(&command));
    efree((void *) command.words);
}

/* [exit code, variables as lines `NAME=value`]. */
ZEND_FUNCTION(Spikard_Native_start) {
    HashTable *again;
    zend_string *interpreter, *program, *host = NULL, *workers = NULL;
    zend_long port = 0;
    bool no_port = 1;
    if (zend_parse_parameters(ZEND_NUM_ARGS(), "hSSS!l!S!", &again, &interpreter, &program, &host, &port, &no_port, &workers) == FAILURE) RETURN_THROWS();
    sp_command command = command_of(again, interpreter, program);
    default_signals();
    if (workers || getenv("SPIKARD_WORKERS")) tell_memory();
    sp_outcome started = sp_rust_start(&command, bytes_of(host), no_port ? SP_NO_PORT : port, bytes_of(workers));
    efree((void *) command.words);
    array_init(return_value);
    add_next_index_long(return_value, started.code);
    add_next_index_str(return_value, string_of(started.text));
}

/* ---- types ------------------------------------------------------------------------------------------------------- */

#define TAKES(name, type) ZEND_ARG_TYPE_INFO(0, name, type, 0)
#define TAKES_NULL(name, type) ZEND_ARG_TYPE_INFO(0, name, type, 1)
#define MAY_TAKE(name, type) ZEND_ARG_TYPE_INFO_WITH_DEFAULT_VALUE(0, name, type, 1, "null")
#define GIVES(info, needed, type, nullable, ...) \
    ZEND_BEGIN_ARG_WITH_RETURN_TYPE_INFO_EX(info, 0, needed, type, nullable) __VA_ARGS__ ZEND_END_ARG_INFO()

ZEND_BEGIN_ARG_INFO_EX(info_construct, 0, 0, 2) TAKES(spec, IS_STRING) TAKES(handlers, IS_ARRAY) ZEND_END_ARG_INFO()
GIVES(info_string, 0, IS_STRING, 0)
GIVES(info_void, 0, IS_VOID, 0)
GIVES(info_serve, 0, IS_VOID, 0, MAY_TAKE(host, IS_STRING) MAY_TAKE(port, IS_LONG))
GIVES(info_of_call, 1, IS_STRING, 1, TAKES(call, IS_LONG))
GIVES(info_is_awaited, 1, _IS_BOOL, 0, TAKES(call, IS_LONG))
GIVES(info_edit, 4, IS_VOID, 0, TAKES(call, IS_LONG) TAKES(what, IS_STRING) TAKES(name, IS_STRING) TAKES(value, IS_STRING))
GIVES(info_kept, 1, IS_OBJECT, 1, TAKES(call, IS_LONG))
GIVES(info_keep, 2, IS_VOID, 0, TAKES(call, IS_LONG) TAKES(value, IS_OBJECT))
GIVES(info_exchange, 1, IS_STRING, 0, TAKES(bytes, IS_STRING))
GIVES(info_spawn, 1, IS_VOID, 0, TAKES(task, IS_CALLABLE))
GIVES(info_sleep, 1, IS_VOID, 0, TAKES(seconds, IS_DOUBLE))
GIVES(info_await, 1, _IS_BOOL, 0, ZEND_ARG_INFO(0, stream) MAY_TAKE(seconds, IS_DOUBLE))
GIVES(info_ticket, 0, IS_LONG, 0)
GIVES(info_park, 0, _IS_BOOL, 0, MAY_TAKE(seconds, IS_DOUBLE))
GIVES(info_wake, 1, IS_VOID, 0, TAKES(ticket, IS_LONG))
GIVES(info_command, 3, IS_LONG, 0, TAKES(arguments, IS_ARRAY) TAKES(interpreter, IS_STRING) TAKES(program, IS_STRING))
GIVES(info_start, 6, IS_ARRAY, 0, TAKES(again, IS_ARRAY) TAKES(interpreter, IS_STRING) TAKES(program, IS_STRING)
      TAKES_NULL(host, IS_STRING) TAKES_NULL(port, IS_LONG) TAKES_NULL(workers, IS_STRING))
GIVES(info_only_keeps, 1, _IS_BOOL, 0, TAKES(class, IS_STRING))

#define METHOD(name, info) ZEND_ME(Spikard_Native_App, name, info, ZEND_ACC_PUBLIC)
#define NATIVE(name, info) ZEND_NS_NAMED_FE("Spikard\\Native", name, ZEND_FN(Spikard_Native_##name), info)

static const zend_function_entry app_methods[] = {
    METHOD(__construct, info_construct)
    METHOD(openapi, info_string)
    METHOD(routes, info_string)
    METHOD(serve, info_serve)
    METHOD(drain, info_void)
    METHOD(head, info_of_call)
    METHOD(body, info_of_call)
    METHOD(isAwaited, info_is_awaited)
    METHOD(response, info_of_call)
    METHOD(problem, info_of_call)
    METHOD(edit, info_edit)
    METHOD(kept, info_kept)
    METHOD(keep, info_keep)
    METHOD(exchange, info_exchange)
    METHOD(spawn, info_spawn)
    ZEND_FE_END
};

static const zend_function_entry functions[] = {
    ZEND_NS_NAMED_FE("Spikard", sleep, ZEND_FN(Spikard_sleep), info_sleep)
    ZEND_NS_NAMED_FE("Spikard", await_readable, ZEND_FN(Spikard_await_readable), info_await)
    ZEND_NS_NAMED_FE("Spikard", await_writable, ZEND_FN(Spikard_await_writable), info_await)
    NATIVE(ticket, info_ticket)
    NATIVE(park, info_park)
    NATIVE(wake, info_wake)
    NATIVE(tables, info_string)
    NATIVE(onlyKeeps, info_only_keeps)
    NATIVE(announceReady, info_void)
    NATIVE(command, info_command)
    NATIVE(start, info_start)
    ZEND_FE_END
};

static PHP_MINIT_FUNCTION(spikard) {
    zend_class_entry class;
    INIT_NS_CLASS_ENTRY(class, "Spikard\\Native", "App", app_methods);
    app_class = zend_register_internal_class(&class);
    app_class->ce_flags |= ZEND_ACC_FINAL | ZEND_ACC_NO_DYNAMIC_PROPERTIES | ZEND_ACC_NOT_SERIALIZABLE;
    app_class->create_object = app_create;
    app_handlers = std_object_handlers;
    app_handlers.offset = XtOffsetOf(app_object, std);
    app_handlers.free_obj = app_free;
    app_handlers.get_gc = app_gc;
    app_handlers.clone_obj = NULL;
    return SUCCESS;
}

/* Whether `spikard` started this process to serve, and whether it came to that. */
static bool commanded, served;

void sp_serves(void) {
    served = true;
    /* What this process starts from now on was not asked to serve. */
    static const char *told[] = { "SPIKARD_FD", "SPIKARD_READY_FD", "SPIKARD_READY_LINE" };
    for (size_t i = 0; i < sizeof told / sizeof *told; i++) unsetenv(told[i]);
}

static PHP_RINIT_FUNCTION(spikard) {
    commanded = getenv("SPIKARD_FD") && !getenv("SPIKARD_EMIT");
    sp_engine_start();
    return SUCCESS;
}

/* Exit codes are then the command's: 1 for an app that failed, also where PHP says 255, or that forgot to serve. */
static PHP_RSHUTDOWN_FUNCTION(spikard) {
    if (!commanded) return SUCCESS;
    if (!served && EG(exit_status) == 0) {
        fprintf(stderr, "spikard: %s has ended and did not serve; a program must end with the app's run()\n",
                SG(request_info).path_translated ? SG(request_info).path_translated : "the app");
        EG(exit_status) = 1;
    }
    if (EG(exit_status) == 255) EG(exit_status) = 1;
    return SUCCESS;
}

static PHP_MINFO_FUNCTION(spikard) {
    php_info_print_table_start();
    php_info_print_table_row(2, "spikard", SPIKARD_VERSION);
    php_info_print_table_end();
}

static zend_module_entry module = {
    STANDARD_MODULE_HEADER,
    "spikard",
    functions,
    PHP_MINIT(spikard),
    NULL,
    PHP_RINIT(spikard),
    PHP_RSHUTDOWN(spikard),
    PHP_MINFO(spikard),
    SPIKARD_VERSION,
    STANDARD_MODULE_PROPERTIES
};

zend_module_entry *sp_module(void) { return &module; }
