/* A handler: the package's function for it, which takes anything, and the straight way to the user's own where a call brings
 * nothing but values that it takes as they come, and where PHP's JSON writer writes its result as it is. */
#include "shim.h"
#include "ext/json/php_json.h"
#include "zend_enum.h"
#include "zend_exceptions.h"
#include "zend_smart_str.h"

enum { MOST = 16, DEEPEST = 64, BODY = -1, INTEGER = 1, NULLABLE = 2 };
/* As Json::WRITE says; StraightTest compares the two. */
enum { WRITE = PHP_JSON_UNESCAPED_SLASHES | PHP_JSON_UNESCAPED_UNICODE | PHP_JSON_UNESCAPED_LINE_TERMINATORS | PHP_JSON_PRESERVE_ZERO_FRACTION };

struct sp_handler {
    zend_fcall_info_cache whole, own;
    zval made;                                            /* the user's own, once `make` gave it; or what this one keeps */
    const zval *shape, *make, *failed;                    /* in the list that the app keeps */
    bool wants_body, in_fiber;
    int8_t count, takes[MOST];                            /* of the straight way: BODY, or what may be of a value */
};

static zend_function *answer, *ready;                     /* Answer::of, Encoder::isReady */
static HashTable *plans;                                  /* by class: whether the writer writes its objects as they are */

/* For each PHP request. */
void sp_handlers_start(void) { answer = ready = NULL; plans = NULL; }

static zval *at(const zval *list, zend_ulong index) { return zend_hash_index_find(Z_ARRVAL_P(list), index); }

/* Of `[callable, wants the body, runs in a fiber, shape of the body or null, [make, takes] or null, failed]`, which outlives it. */
sp_handler *sp_handler_new(const zval *told) {
    sp_handler *handler = pecalloc(1, sizeof *handler, 1);
    zval *function = at(told, 0), *shape = at(told, 3), *straight = at(told, 4), *take;
    if (!function || !zend_is_callable_ex(function, NULL, 0, NULL, &handler->whole, NULL)) { pefree(handler, 1); return NULL; }
    handler->wants_body = at(told, 1) && zend_is_true(at(told, 1));
    handler->in_fiber = !at(told, 2) || zend_is_true(at(told, 2));
    handler->shape = shape && Z_TYPE_P(shape) == IS_ARRAY ? shape : NULL;
    handler->failed = at(told, 5);
    if (straight && Z_TYPE_P(straight) == IS_ARRAY && zend_hash_num_elements(Z_ARRVAL_P(at(straight, 1))) <= MOST) {
        handler->make = at(straight, 0);
        ZEND_HASH_FOREACH_VAL(Z_ARRVAL_P(at(straight, 1)), take) { handler->takes[handler->count++] = (int8_t) Z_LVAL_P(take); } ZEND_HASH_FOREACH_END();
    }
    return handler;
}

/* Of a function that takes nothing, which it keeps; NULL when that is none. It runs and fails as `like` does: a task, like nobody. */
sp_handler *sp_handler_kept(const zval *function, const sp_handler *like) {
    sp_handler *handler = pecalloc(1, sizeof *handler, 1);
    ZVAL_COPY(&handler->made, function);
    handler->in_fiber = !like || like->in_fiber;
    handler->failed = like ? like->failed : NULL;
    if (zend_is_callable_ex(&handler->made, NULL, 0, NULL, &handler->whole, NULL)) return handler;
    sp_handler_free(handler);
    return NULL;
}

void sp_handler_free(sp_handler *handler) {
    if (!sp_engine_is_lost()) zval_ptr_dtor(&handler->made);
    pefree(handler, 1);
}

/* One of the straight way takes values and a body, and nothing stands around it. */
sp_handler_told sp_handler_tells(const sp_handler *handler) { return (sp_handler_told) { handler->shape, handler->wants_body, !handler->make }; }
bool sp_handler_in_fiber(const sp_handler *handler) { return handler->in_fiber; }
zval *sp_handler_made(sp_handler *handler) { return &handler->made; }

/* What was thrown becomes an answer, where there is who makes it; the end of the program stays what it is. */
static void fail(const sp_handler *handler, zval *result, int64_t token) {
    zval arguments[2], function;
    if (!handler->failed || zend_is_unwind_exit(EG(exception)) || zend_is_graceful_exit(EG(exception))) return;
    ZVAL_OBJ_COPY(&arguments[0], EG(exception));
    ZVAL_LONG(&arguments[1], token);
    zend_clear_exception();
    ZVAL_COPY_VALUE(&function, handler->failed);
    call_user_function(NULL, NULL, &function, result, 2, arguments);
    zval_ptr_dtor(&arguments[0]);
}

/* The package's function: everything that a call may bring, as PHP values. */
void sp_call_whole(sp_handler *handler, zval *result, const sp_call *call) {
    zval arguments[3];
    ZVAL_LONG(&arguments[0], call->token);
    if (call->built) sp_build(&arguments[1], call->built, call->built_count);
    else if (call->body.text) ZVAL_STRINGL(&arguments[1], call->body.text, call->body.length);
    else ZVAL_NULL(&arguments[1]);
    sp_set_values(&arguments[2], call->values, call->count);
    if (!EG(exception)) {
        zend_call_known_function(handler->whole.function_handler, handler->whole.object, handler->whole.called_scope, result, 3, arguments, NULL);
    }
    if (EG(exception)) fail(handler, result, call->token);
    zval_ptr_dtor(&arguments[1]);
    zval_ptr_dtor(&arguments[2]);
}

/* ---- the straight way -------------------------------------------------------------------------------------------- */

/* A call brings what the handler takes as it comes. A value that was not sent has a default, which PHP knows: those after
 * it must not be there either. */
static bool goes_straight(const sp_handler *handler, const sp_call *call) {
    const sp_value *value = call->values;
    bool ended = false;
    for (int i = 0; i < handler->count; i++) {
        int take = handler->takes[i];
        if (take == BODY) {
            if (!call->built || ended) return false;
            continue;
        }
        if (value->kind == SP_ABSENT && !(take & NULLABLE)) ended = true;
        else if (ended || ((take & INTEGER) && (value->kind == SP_NUMBER || value->kind == SP_BIG))) return false;
        value = sp_after(value);
    }
    return true;
}

static zend_function *method(const char *class_name, size_t length, const char *name, size_t name_length) {
    zend_string *text = zend_string_init(class_name, length, 0);
    zend_class_entry *class = zend_lookup_class(text);
    zend_string_release(text);
    return class ? zend_hash_str_find_ptr(&class->function_table, name, name_length) : NULL;
}

static void call_static(zend_function *function, zval *result, zval *argument) {
    zend_call_known_function(function, NULL, function->common.scope, result, 1, argument, NULL);
}

/* The JSON writer writes its objects as the package would. */
static bool class_is_ready(zend_class_entry *class) {
    zend_ulong key = (zend_ulong) (uintptr_t) class >> 3;
    zval *known = plans ? zend_hash_index_find(plans, key) : NULL, name, told;
    if (known) return Z_TYPE_P(known) == IS_TRUE;
    if (!ready) ready = method(ZEND_STRL("Spikard\\Encoder"), ZEND_STRL("isready"));
    if (!ready) return false;
    ZVAL_STR_COPY(&name, class->name);
    ZVAL_FALSE(&told);
    call_static(ready, &told, &name);
    zval_ptr_dtor(&name);
    if (EG(exception)) { zend_clear_exception(); ZVAL_FALSE(&told); }
    if (!plans) { ALLOC_HASHTABLE(plans); zend_hash_init(plans, 8, NULL, NULL, 0); }
    zend_hash_index_update(plans, key, &told);
    return Z_TYPE(told) == IS_TRUE;
}

static bool is_ready(const zval *value, int depth) {
    zval *item;
    ZVAL_DEREF(value);
    switch (Z_TYPE_P(value)) {
        case IS_NULL: case IS_FALSE: case IS_TRUE: case IS_LONG: case IS_DOUBLE: return true;
        case IS_STRING: return depth > 0;                 /* alone it is text or bytes, not JSON */
        case IS_OBJECT: return class_is_ready(Z_OBJCE_P(value));
        case IS_ARRAY:
            if (depth >= DEEPEST) return false;
            ZEND_HASH_FOREACH_VAL(Z_ARRVAL_P(value), item) { if (!is_ready(item, depth + 1)) return false; } ZEND_HASH_FOREACH_END();
            return true;
        default: return false;
    }
}

/* JSON text, null for nothing, or whatever the package makes of a value. */
static void answer_with(const sp_handler *handler, zval *result, zval *value, int64_t token) {
    if (Z_TYPE_P(value) == IS_NULL) { ZVAL_NULL(result); return; }
    if (is_ready(value, 0)) {
        smart_str text = {0};
        zend_result written = php_json_encode_ex(&text, value, WRITE, PHP_JSON_PARSER_DEFAULT_DEPTH);
        bool good = written == SUCCESS && JSON_G(error_code) == PHP_JSON_ERROR_NONE;   /* of NAN it writes a 0 */
        if (good && text.s && !EG(exception)) { ZVAL_STR(result, smart_str_extract(&text)); return; }
        smart_str_free(&text);
        if (EG(exception)) { fail(handler, result, token); return; }
    }
    if (!answer) answer = method(ZEND_STRL("Spikard\\Answer"), ZEND_STRL("of"));
    if (answer) call_static(answer, result, value);
    if (EG(exception)) fail(handler, result, token);
}

static bool make(sp_handler *handler) {
    zval function;
    ZVAL_COPY_VALUE(&function, handler->make);
    if (call_user_function(NULL, NULL, &function, &handler->made, 0, NULL) != SUCCESS) return false;
    return !EG(exception) && zend_is_callable_ex(&handler->made, NULL, 0, NULL, &handler->own, NULL);
}

/* Calls the user's own function; `false` when this call needs the package's. */
bool sp_call_straight(sp_handler *handler, zval *result, const sp_call *call) {
    zval arguments[MOST], returned;
    const sp_value *value = call->values;
    uint32_t count = 0;
    if (!handler->make || !goes_straight(handler, call)) return false;
    ZVAL_UNDEF(&returned);
    if (!handler->own.function_handler && !make(handler)) {
        if (EG(exception)) { fail(handler, result, call->token); return true; }
        return false;
    }
    for (int i = 0; i < handler->count; i++) {
        if (handler->takes[i] == BODY) {
            sp_build(&arguments[count++], call->built, call->built_count);
        } else if (value->kind == SP_ABSENT) {
            if (!(handler->takes[i] & NULLABLE)) break;
            ZVAL_NULL(&arguments[count++]);
            value++;
        } else {
            value = sp_set_value(&arguments[count++], value);
        }
    }
    if (!EG(exception)) {
        zend_call_known_function(handler->own.function_handler, handler->own.object, handler->own.called_scope, &returned, count, arguments, NULL);
    }
    while (count > 0) zval_ptr_dtor(&arguments[--count]);
    if (EG(exception)) fail(handler, result, call->token); else answer_with(handler, result, &returned, call->token);
    zval_ptr_dtor(&returned);
    return true;
}
