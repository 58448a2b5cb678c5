/* The one door into PHP: runs a call inside zend_try, on a stack of its own where it may wait. Knows no HTTP.
 *
 * Rules. No Rust frame lies between a zend_try here and the PHP code that it protects, because a fatal error leaves by
 * longjmp. The stack of a call that waits holds no Rust value. After a bailout PHP is not entered again. */
#include "shim.h"
#include "SAPI.h"
#include "php_output.h"
#include "zend_builtin_functions.h"
#include "zend_exceptions.h"
#include "zend_fibers.h"
#include "zend_interfaces.h"
#include "zend_smart_str.h"
#include <poll.h>
#include <signal.h>

struct sp_job {
    int status, waited;
    sp_waiting wait;
    bool in_fiber, started, ending, given_up;
    sp_handler *handler;
    sp_call call;
    zval result;
    smart_str printed, error;
    zend_output_globals output;                           /* its own buffers (ob_start), also while it waits */
    /* Its stack; kept for the next call. `resume` is who waits in it: itself, or a Fiber that the handler made. */
    zend_fiber_context context, *resume, *back;
};

static sp_job *current;                                   /* whose PHP code is running now */
static bool lost;                                         /* there was a bailout */
static size_t (*write_elsewhere)(const char *, size_t);
static zend_long time_limit;                              /* of each request, in seconds; 0 for none */
static char kind;                                         /* its address tells our stacks from Fibers */
static zend_function frame = { ZEND_INTERNAL_FUNCTION };

bool sp_engine_is_lost(void) { return lost || CG(unclean_shutdown); }
bool sp_in_job(void) { return current != NULL; }

/* What a handler prints is the call's own: no output buffer, so no cost for handlers that print nothing. */
static size_t keep_printed(const char *text, size_t length) {
    if (!current) return write_elsewhere(text, length);
    smart_str_appendl(&current->printed, text, length);
    return length;
}

/* For each PHP request, which on the command line is the program. */
void sp_engine_start(void) {
    lost = false;
    current = NULL;
    sp_values_start();
    sp_handlers_start();
    time_limit = 0;
    if (sapi_module.ub_write != keep_printed) {
        write_elsewhere = sapi_module.ub_write;
        sapi_module.ub_write = keep_printed;
    }
}

/* From here on `max_execution_time` is the time of one request, and waiting for requests takes none. */
void sp_engine_enter(void) {
    time_limit = zend_ini_long(ZEND_STRL("max_execution_time"), 0);
    zend_unset_timeout();
    EG(timeout_seconds) = 0;
}

void sp_engine_leave(void) { time_limit = 0; }

/* ---- a call ------------------------------------------------------------------------------------------------------ */

/* The package catches what handlers throw; what comes out of it is the end of the program or its own failure. */
static void classify(sp_job *job) {
    zend_object *thrown = EG(exception);
    if (!thrown) { job->status = SP_OK; return; }
    if (zend_is_unwind_exit(thrown) || zend_is_graceful_exit(thrown)) {
        /* Out of memory, PHP bails out, catches that itself and then unwinds as exit() does. */
        job->status = CG(unclean_shutdown) ? SP_BAILOUT : job->given_up && zend_is_graceful_exit(thrown) ? SP_OK : SP_EXIT;
        zend_clear_exception();
        return;
    }
    zval space, *message;
    zend_class_entry *base = instanceof_function(thrown->ce, zend_ce_exception) ? zend_ce_exception : zend_ce_error;
    job->status = SP_EXCEPTION;
    GC_ADDREF(thrown);
    zend_clear_exception();
    message = zend_read_property(base, thrown, ZEND_STRL("message"), 1, &space);
    smart_str_append(&job->error, thrown->ce->name);
    smart_str_appends(&job->error, ": ");
    if (Z_TYPE_P(message) == IS_STRING) smart_str_append(&job->error, Z_STR_P(message));
    OBJ_RELEASE(thrown);
    if (EG(exception)) zend_clear_exception();
}

static void invoke(sp_job *job) {
    if (!sp_call_straight(job->handler, &job->result, &job->call)) sp_call_whole(job->handler, &job->result, &job->call);
    classify(job);
    if (OG(active) && job->status != SP_BAILOUT) php_output_end_all();   /* what it left in buffers, it printed */
}

/* Puts a call's buffers in the place of those of whoever runs it, and back. */
static void swap_output(sp_job *job) {
    zend_output_globals kept = output_globals;
    output_globals = job->output;
    job->output = kept;
}

static void switch_to(zend_fiber_context *to) {
    zend_fiber_transfer transfer = { .context = to };
    ZVAL_NULL(&transfer.value);
    zend_fiber_switch_context(&transfer);
    /* A Fiber that waits here is destroyed: it unwinds. */
    if (transfer.flags & ZEND_FIBER_TRANSFER_FLAG_ERROR) zend_throw_exception_internal(Z_OBJ(transfer.value));
}

/* What runs on a call's own stack: one call after the other. */
static void coroutine(zend_fiber_transfer *transfer) {
    sp_job *job = current;
    zend_long error_reporting = EG(error_reporting);
    EG(vm_stack) = NULL;
    zend_first_try {
        zend_vm_stack page = emalloc(ZEND_FIBER_VM_STACK_SIZE);
        page->top = ZEND_VM_STACK_ELEMENTS(page);
        page->end = (zval *) ((uintptr_t) page + ZEND_FIBER_VM_STACK_SIZE);
        page->prev = NULL;
        EG(vm_stack) = page;
        EG(vm_stack_top) = page->top + ZEND_CALL_FRAME_SLOT;
        EG(vm_stack_end) = page->end;
        EG(vm_stack_page_size) = ZEND_FIBER_VM_STACK_SIZE;
        zend_execute_data *bottom = (zend_execute_data *) page->top;
        memset(bottom, 0, sizeof *bottom);
        bottom->func = &frame;
        EG(current_execute_data) = bottom;
        EG(active_fiber) = NULL;
        EG(jit_trace_num) = 0;
        EG(error_reporting) = error_reporting;
#ifdef ZEND_CHECK_STACK_LIMIT                             /* PHP 8.3 */
        EG(stack_base) = zend_fiber_stack_base(job->context.stack);
        EG(stack_limit) = zend_fiber_stack_limit(job->context.stack);
#endif
        while (!job->ending) {
            invoke(job);
            job->resume = &job->context;
            switch_to(job->back);
        }
        zend_vm_stack_destroy();
    } zend_catch {
        job->status = SP_BAILOUT;
    } zend_end_try();
    transfer->context = job->back;
    transfer->flags = 0;
    ZVAL_NULL(&transfer->value);
}

/* The door itself: `false` when PHP was lost, before or by this. */
static bool enter(void (*inner)(void *), void *with) {
    zend_execute_data *frame_before = EG(current_execute_data);
    if (lost) return false;
    zend_try {
        inner(with);
    } zend_catch {
        EG(current_execute_data) = frame_before;          /* zend_bailout() cleared it */
        lost = true;
    } zend_end_try();
    return !lost;
}

static void go_on(void *with) {
    sp_job *job = with;
    if (!job->in_fiber) { invoke(job); return; }
    job->back = EG(current_fiber_context);
    if (!job->started) {
        zend_fiber_init_context(&job->context, &kind, coroutine, EG(fiber_stack_size));
        job->started = !EG(exception);                    /* what it gives is of another type in each PHP */
        job->resume = &job->context;
    }
    if (job->started) switch_to(job->resume); else classify(job);
}

/* Starts or goes on with a call. */
int sp_job_step(sp_job *job) {
    sp_job *before = current;
    current = job;
    job->status = 0;
    if (time_limit) zend_set_timeout(time_limit, 1);
    swap_output(job);
    if (!enter(go_on, job)) job->status = SP_BAILOUT;
    swap_output(job);
    if (job->status == SP_BAILOUT) lost = true;
    if (EG(timeout_seconds)) { zend_unset_timeout(); EG(timeout_seconds) = 0; }
    current = before;
    return job->status;
}

/* A destructor may run, and what it throws is nobody's. */
static void let_go(void *with) {
    zval_ptr_dtor(with);
    ZVAL_UNDEF((zval *) with);
    if (EG(exception)) zend_clear_exception();
}

static void let_go_of_handler(void *with) {
    sp_handler_free(with);
    if (EG(exception)) zend_clear_exception();
}

/* Lets go of what a call has left, and of a function that is not called again. */
bool sp_job_done(sp_job *job, sp_handler *spent) {
    if (!enter(let_go, &job->result) || (spent && !enter(let_go_of_handler, spent))) return false;
    if (job->wait.ticket) sp_rust_ticket_end(job->wait.ticket);
    job->wait.ticket = 0;
    zend_stack_destroy(&job->output.handlers);
    smart_str_free(&job->printed);
    smart_str_free(&job->error);
    return true;
}

/* A value that outlives its call. */
zval *sp_hold(const zval *value) {
    zval *held = pemalloc(sizeof *held, 1);
    ZVAL_COPY(held, value);
    return held;
}

bool sp_let_go(zval *held) {
    if (!enter(let_go, held)) return false;
    pefree(held, 1);
    return true;
}

/* A signal came for which PHP code has a handler (pcntl_async_signals). */
bool sp_interrupted(void) { return zend_atomic_bool_load_ex(&EG(vm_interrupt)) && !zend_atomic_bool_load_ex(&EG(timed_out)); }

static void run_signal_handlers(void *with) {
    (void) with;
    zend_atomic_bool_store_ex(&EG(vm_interrupt), false);
    if (zend_interrupt_function) zend_interrupt_function(EG(current_execute_data));
}

/* Runs those handlers, as the VM does between two instructions: a step of its own. */
int sp_interrupt(void) {
    sp_job told = { .status = SP_OK };
    if (!enter(run_signal_handlers, NULL)) return SP_BAILOUT;
    if (EG(exception)) classify(&told);
    if (told.error.s) fprintf(stderr, "spikard: a signal handler failed: %s\n", ZSTR_VAL(told.error.s));
    smart_str_free(&told.error);
    return told.status;
}

/* ---- where it is ------------------------------------------------------------------------------------------------- */

static void (*interrupt_before)(zend_execute_data *);
static volatile sig_atomic_t where_asked;

static void ask_where(int number) {
    (void) number;
    where_asked = 1;
    zend_atomic_bool_store_ex(&EG(vm_interrupt), true);
}

static void show_where(zend_execute_data *frame) {
    if (where_asked) {
        where_asked = 0;
        zval trace;
        zend_fetch_debug_backtrace(&trace, 0, DEBUG_BACKTRACE_IGNORE_ARGS, 0);
        zend_string *text = zend_trace_to_string(Z_ARRVAL(trace), true);
        fprintf(stderr, "SIGQUIT at %s:%u\n%s\n", zend_get_executed_filename(), zend_get_executed_lineno(), ZSTR_VAL(text));
        zend_string_release(text);
        zval_ptr_dtor(&trace);
    }
    if (interrupt_before) interrupt_before(frame);
}

/* From now on that signal shows where the code is, between two of its instructions. */
int sp_shows_where(void) {
    struct sigaction action = { .sa_handler = ask_where };
    if (sigaction(SIGQUIT, &action, NULL) != 0) return 0;
    interrupt_before = zend_interrupt_function;
    zend_interrupt_function = show_where;
    return SIGQUIT;
}

/* ---- waits ------------------------------------------------------------------------------------------------------- */

/* A call runs, on a stack of its own. */
bool sp_may_wait(void) { return current && current->in_fiber && !zend_fiber_switch_blocked(); }

/* By which this call's waits are ended from elsewhere. */
int64_t sp_ticket(void) {
    if (!current->wait.ticket) current->wait.ticket = sp_rust_ticket();
    return current->wait.ticket;
}

/* Waits without holding the thread where a call may; else it holds it, so that the meaning stays. `true` when what it waits for
 * is there, or when a sleep was ended from elsewhere. */
bool sp_wait(int kind_of_wait, int fd, uint64_t microseconds) {
    sp_job *job = current;
    if (!sp_may_wait()) {
        if (kind_of_wait == SP_SLEEP) { usleep(microseconds); return false; }
        struct pollfd poll_fd = { fd, kind_of_wait == SP_READABLE ? POLLIN : POLLOUT, 0 };
        int milliseconds = microseconds == UINT64_MAX ? -1 : (int) MIN(microseconds / 1000, INT_MAX);
        return poll(&poll_fd, 1, milliseconds) > 0;
    }
    job->wait.kind = kind_of_wait;
    job->wait.fd = fd;
    job->wait.microseconds = microseconds;
    job->status = SP_SUSPENDED;
    job->resume = EG(current_fiber_context);
    switch_to(job->back);
    if (job->waited == SP_GIVEN_UP && !EG(exception)) {
        job->given_up = true;
        zend_throw_graceful_exit();                       /* runs `finally`, where the call may wait again */
    }
    return job->waited == SP_READY;
}

sp_waiting sp_job_wait(const sp_job *job) { return job->wait; }

void sp_job_waited(sp_job *job, int how) { job->waited = how; }

/* ---- the life of a job ------------------------------------------------------------------------------------------- */

sp_job *sp_job_new(void) {
    sp_job *job = pecalloc(1, sizeof *job, 1);
    ZVAL_UNDEF(&job->result);
    return job;
}

/* What the call points to is read by the first step only. */
void sp_job_call(sp_job *job, sp_handler *handler, const sp_call *call) {
    job->handler = handler;
    job->call = *call;
    job->in_fiber = sp_handler_in_fiber(handler);
    job->given_up = false;
    ZVAL_UNDEF(&job->result);
    memset(&job->output, 0, sizeof job->output);
    job->output.flags = OG(flags);
    zend_stack_init(&job->output.handlers, sizeof(php_output_handler *));
}

/* Of a job that is not suspended; with the engine lost its memory stays where it is. */
void sp_job_free(sp_job *job) {
    if (sp_engine_is_lost()) return;
    if (job->started) {
        job->ending = true;
        sp_job *before = current;
        current = job;
        job->back = EG(current_fiber_context);
        switch_to(&job->context);                         /* ends, and its stack with it */
        current = before;
    }
    pefree(job, 1);
}

int sp_exit_status(void) { return EG(exit_status); }

const zval *sp_job_result(const sp_job *job) { return &job->result; }

sp_bytes sp_job_printed(const sp_job *job) { return bytes_of(job->printed.s); }
sp_bytes sp_job_error(const sp_job *job) { return bytes_of(job->error.s); }

/* ---- results, read by Rust --------------------------------------------------------------------------------------- */

uint32_t sp_zval_type(const zval *value) { ZVAL_DEREF(value); return Z_TYPE_P(value); }
int64_t sp_zval_integer(const zval *value) { ZVAL_DEREF(value); return Z_TYPE_P(value) == IS_LONG ? Z_LVAL_P(value) : 0; }
sp_bytes sp_zval_text(const zval *value) { ZVAL_DEREF(value); return bytes_of(Z_TYPE_P(value) == IS_STRING ? Z_STR_P(value) : NULL); }
uint32_t sp_zval_count(const zval *value) { ZVAL_DEREF(value); return Z_TYPE_P(value) == IS_ARRAY ? zend_hash_num_elements(Z_ARRVAL_P(value)) : 0; }
const zval *sp_zval_item(const zval *value, uint32_t index) {
    ZVAL_DEREF(value);
    return Z_TYPE_P(value) == IS_ARRAY ? zend_hash_index_find(Z_ARRVAL_P(value), index) : NULL;
}
