/* What the C files and Rust (src/interpreter.rs) share. Layouts here are repeated there: change both. */
#ifndef SPIKARD_SHIM_H
#define SPIKARD_SHIM_H

#include "php.h"
#include <stdbool.h>
#include <stdint.h>

/* How a step ended. */
enum { SP_OK = 1, SP_EXCEPTION, SP_EXIT, SP_BAILOUT, SP_SUSPENDED };

/* What a suspended call waits for, and how that ended: the last unwinds the call. */
enum { SP_SLEEP = 1, SP_READABLE, SP_WRITABLE };
enum { SP_TIMED_OUT, SP_READY, SP_GIVEN_UP };

/* One value for a call. Of a parameter in prefix order: a list is followed by its items. Of a body in postfix order: what
 * holds others takes as many from before it; a map's are its keys and values, a choice is followed by its key. */
enum { SP_ABSENT, SP_NULL, SP_FALSE, SP_TRUE, SP_INTEGER, SP_NUMBER, SP_STRING, SP_BIG, SP_LIST, SP_MAP, SP_OBJECT, SP_CHOICE };
typedef struct sp_class sp_class;
typedef struct {
    uint16_t kind, slot;                                  /* which member of the object that takes it */
    uint32_t count;
    union { int64_t integer; double number; const char *text; const sp_class *class; const zval *choices; } as;
    size_t length;
} sp_value;

/* A text that somebody else keeps; or none. */
typedef struct { const char *text; size_t length; } sp_bytes;
static inline sp_bytes bytes_of(const zend_string *string) { return string ? (sp_bytes) { ZSTR_VAL(string), ZSTR_LEN(string) } : (sp_bytes) { NULL, 0 }; }

/* What a call brings. */
typedef struct {
    int64_t token;
    sp_bytes body;
    const sp_value *values, *built;                       /* `built`: the body, read already; or NULL */
    uint32_t count, built_count;
} sp_call;

/* What a call waits for; UINT64_MAX microseconds have no end. By its ticket it is ended from elsewhere; 0 for none. */
typedef struct { int kind, fd; uint64_t microseconds; int64_t ticket; } sp_waiting;

/* What is known of a handler: the shape of its body or NULL, that it takes one, that it can ask for its request. */
typedef struct { const zval *shape; bool wants_body, asks; } sp_handler_told;

typedef struct sp_handler sp_handler;
typedef struct sp_job sp_job;

/* The door (engine.c). Rust calls these; none of them lets a bailout out. */
sp_job *sp_job_new(void);
void sp_job_free(sp_job *job);
void sp_job_call(sp_job *job, sp_handler *handler, const sp_call *call);
int sp_job_step(sp_job *job);
bool sp_job_done(sp_job *job, sp_handler *spent);
zval *sp_hold(const zval *value);
bool sp_let_go(zval *held);
sp_waiting sp_job_wait(const sp_job *job);
void sp_job_waited(sp_job *job, int how);
int sp_exit_status(void);
void sp_serves(void);
const zval *sp_job_result(const sp_job *job);
sp_bytes sp_job_printed(const sp_job *job);
sp_bytes sp_job_error(const sp_job *job);

/* For module.c. */
void sp_engine_start(void);
void sp_engine_enter(void);
void sp_engine_leave(void);
bool sp_in_job(void);
bool sp_engine_is_lost(void);
bool sp_may_wait(void);
bool sp_wait(int kind, int fd, uint64_t microseconds);
int64_t sp_ticket(void);

/* Rust (src/lib.rs). Texts that Rust makes are given back with sp_rust_text_free; those that it is given it copies. The text
 * of an outcome that is not good says why. */
#define SP_NO_PORT INT64_MIN
typedef struct { char *text; size_t length, capacity; } sp_text;
typedef struct { bool good; int code; void *app; sp_text text; } sp_outcome;
typedef struct { const sp_bytes *words; size_t count; sp_bytes interpreter, program; } sp_command;
void sp_rust_text_free(sp_text text);
sp_outcome sp_rust_app_new(sp_bytes spec, sp_handler *const *handlers, size_t count);
void sp_rust_app_free(void *app);
sp_text sp_rust_app_openapi(void *app);
sp_outcome sp_rust_app_routes(void *app);
sp_outcome sp_rust_app_serve(void *app, sp_bytes host, int64_t port);
void sp_rust_app_drain(void *app);
enum { SP_HEAD, SP_BODY, SP_RESPONSE, SP_PROBLEM };                     /* texts of a call */
sp_outcome sp_rust_app_text(void *app, int64_t call, int which);
bool sp_rust_app_awaited(void *app, int64_t call);
sp_outcome sp_rust_app_edit(void *app, int64_t call, sp_bytes what, sp_bytes name, sp_bytes value);
const zval *sp_rust_app_kept(void *app, int64_t call);
void sp_rust_app_keep(void *app, int64_t call, const zval *value);
sp_outcome sp_rust_app_exchange(void *app, sp_bytes message);
void sp_rust_app_spawn(void *app, sp_handler *handler);
sp_text sp_rust_tables(void);
int sp_rust_command(const sp_command *command);
sp_outcome sp_rust_start(const sp_command *again, sp_bytes host, int64_t port, sp_bytes workers);
void sp_rust_announce(void);
int64_t sp_rust_ticket(void);
void sp_rust_wake(int64_t ticket);
void sp_rust_ticket_end(int64_t ticket);

/* Values (values.c). */
void sp_values_start(void);
const sp_value *sp_set_value(zval *to, const sp_value *value);
const sp_value *sp_after(const sp_value *value);
void sp_set_values(zval *to, const sp_value *value, uint32_t count);
void sp_build(zval *to, const sp_value *values, uint32_t count);
sp_class *sp_class_new(const zval *told);
void sp_class_free(sp_class *class);
bool sp_only_keeps(const zend_class_entry *class);

/* Handlers (handler.c). */
void sp_handlers_start(void);
sp_handler *sp_handler_new(const zval *told);
sp_handler *sp_handler_kept(const zval *function, const sp_handler *like);
void sp_handler_free(sp_handler *handler);
sp_handler_told sp_handler_tells(const sp_handler *handler);
bool sp_handler_in_fiber(const sp_handler *handler);
zval *sp_handler_made(sp_handler *handler);
void sp_call_whole(sp_handler *handler, zval *result, const sp_call *call);
bool sp_call_straight(sp_handler *handler, zval *result, const sp_call *call);

#endif
