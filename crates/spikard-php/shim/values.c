/* Values of Rust to PHP: those of parameters, and of a body that Rust has read and checked in one pass. Runs no PHP code
 * but the constructor of BigInteger. */
#include "shim.h"

static zend_class_entry *big_integer;

/* For each PHP request: classes are its own. */
void sp_values_start(void) { big_integer = NULL; }

static void set_big(zval *to, const char *text, size_t length) {
    zval digits;
    if (!big_integer) {
        zend_string *name = zend_string_init(ZEND_STRL("Spikard\\BigInteger"), 0);
        big_integer = zend_lookup_class(name);
        zend_string_release(name);
    }
    ZVAL_NULL(to);
    if (!big_integer) return;
    ZVAL_STRINGL(&digits, text, length);
    if (object_init_ex(to, big_integer) == SUCCESS) {
        zend_call_known_instance_method_with_1_params(big_integer->constructor, Z_OBJ_P(to), NULL, &digits);
    }
    zval_ptr_dtor(&digits);
}

/* One that holds no other. */
static void set_plain(zval *to, const sp_value *value) {
    switch (value->kind) {
        case SP_FALSE: ZVAL_FALSE(to); break;
        case SP_TRUE: ZVAL_TRUE(to); break;
        case SP_INTEGER: ZVAL_LONG(to, value->as.integer); break;
        case SP_NUMBER: ZVAL_DOUBLE(to, value->as.number); break;
        case SP_STRING: ZVAL_STR(to, zend_string_init_fast(value->as.text, value->length)); break;
        case SP_BIG: set_big(to, value->as.text, value->length); break;
        default: ZVAL_NULL(to);
    }
}

/* A parameter's value, in prefix order; gives what follows it. */
const sp_value *sp_set_value(zval *to, const sp_value *value) {
    const sp_value *next = value + 1;
    if (value->kind != SP_LIST) { set_plain(to, value); return next; }
    array_init_size(to, value->count);
    for (uint32_t i = 0; i < value->count; i++) {
        zval item;
        next = sp_set_value(&item, next);
        add_next_index_zval(to, &item);
    }
    return next;
}

/* What follows a value. */
const sp_value *sp_after(const sp_value *value) {
    const sp_value *next = value + 1;
    if (value->kind == SP_LIST) for (uint32_t i = 0; i < value->count; i++) next = sp_after(next);
    return next;
}

/* The values by position; one that was not sent is left out. */
void sp_set_values(zval *to, const sp_value *value, uint32_t count) {
    if (count == 0) { ZVAL_EMPTY_ARRAY(to); return; }
    array_init_size(to, count);
    for (uint32_t i = 0; i < count; i++) {
        if (value->kind == SP_ABSENT) { value++; continue; }
        zval item;
        value = sp_set_value(&item, value);
        zend_hash_index_update(Z_ARRVAL_P(to), i, &item);
    }
}

/* ---- classes whose objects are made without a call --------------------------------------------------------------- */

struct sp_class {
    zend_class_entry *entry;
    uint32_t count;
    struct { uint32_t offset; const zval *otherwise; } members[];
};

/* Of `[..., class, [[name, shape, default?], ...]]` at index 2 (Shape.php), which outlives it; NULL when it has no such
 * property, or no object can be made of it. */
sp_class *sp_class_new(const zval *told) {
    zval *name = zend_hash_index_find(Z_ARRVAL_P(told), 2), *list = zend_hash_index_find(Z_ARRVAL_P(told), 3), *entry;
    if (!name || !list || Z_TYPE_P(name) != IS_STRING || Z_TYPE_P(list) != IS_ARRAY) return NULL;
    zend_class_entry *class = zend_lookup_class(Z_STR_P(name));
    if (!class || class->ce_flags & (ZEND_ACC_INTERFACE | ZEND_ACC_TRAIT | ZEND_ACC_ENUM | ZEND_ACC_EXPLICIT_ABSTRACT_CLASS | ZEND_ACC_IMPLICIT_ABSTRACT_CLASS)) return NULL;
    uint32_t count = zend_hash_num_elements(Z_ARRVAL_P(list)), i = 0;
    sp_class *made = pecalloc(1, sizeof *made + count * sizeof made->members[0], 1);
    made->entry = class;
    made->count = count;
    ZEND_HASH_FOREACH_VAL(Z_ARRVAL_P(list), entry) {
        zval *member = Z_TYPE_P(entry) == IS_ARRAY ? zend_hash_index_find(Z_ARRVAL_P(entry), 0) : NULL;
        zend_property_info *property = member && Z_TYPE_P(member) == IS_STRING ? zend_hash_find_ptr(&class->properties_info, Z_STR_P(member)) : NULL;
        if (!property || property->flags & ZEND_ACC_STATIC) { pefree(made, 1); return NULL; }
        made->members[i].offset = property->offset;
        made->members[i++].otherwise = zend_hash_index_find(Z_ARRVAL_P(entry), 2);
    } ZEND_HASH_FOREACH_END();
    return made;
}

void sp_class_free(sp_class *class) { pefree(class, 1); }

/* The constructor of a class does nothing but keep its parameters, all of them, in the properties of their names: an object
 * that has these is what it would make. Seen in its instructions, where an empty body has nothing else. */
bool sp_only_keeps(const zend_class_entry *class) {
    const zend_function *constructor = class->constructor;
    if (!constructor || constructor->type != ZEND_USER_FUNCTION || constructor->common.fn_flags & ZEND_ACC_VARIADIC) return false;
    const zend_op_array *code = &constructor->op_array;
    uint32_t kept = 0;
    for (uint32_t i = 0; i < code->last; i++) {
        const zend_op *op = &code->opcodes[i];
        switch (op->opcode) {
            case ZEND_NOP: case ZEND_EXT_NOP: case ZEND_EXT_STMT: case ZEND_RECV: case ZEND_RECV_INIT: case ZEND_OP_DATA: break;
            case ZEND_ASSIGN_OBJ:
                if (op->op1_type != IS_UNUSED || op->op2_type != IS_CONST || op[1].op1_type != IS_CV) return false;
                if (!zend_string_equals(Z_STR_P(RT_CONSTANT(op, op->op2)), code->vars[EX_VAR_TO_NUM(op[1].op1.var)])) return false;
                kept++;
                break;
            case ZEND_RETURN:
                if (op->op1_type != IS_CONST) return false;
                break;
            default: return false;
        }
    }
    return kept == code->num_args;
}

/* ---- a body ------------------------------------------------------------------------------------------------------ */

enum { ON_STACK = 64 };

static void make_object(zval *to, const sp_class *class, zval *values, uint32_t count) {
    if (object_init_ex(to, class->entry) != SUCCESS) { ZVAL_NULL(to); return; }
    zend_object *object = Z_OBJ_P(to);
    for (uint32_t i = 0; i < count; i++) {
        zval *property = OBJ_PROP(object, class->members[Z_EXTRA(values[i])].offset);
        zval_ptr_dtor(property);                          /* a name that came twice, or a default */
        ZVAL_COPY_VALUE(property, &values[i]);
        Z_PROP_FLAG_P(property) = 0;
    }
    if (count >= class->count) return;
    for (uint32_t i = 0; i < class->count; i++) {
        zval *property = OBJ_PROP(object, class->members[i].offset);
        if (Z_TYPE_P(property) != IS_UNDEF || !class->members[i].otherwise) continue;
        ZVAL_COPY(property, class->members[i].otherwise);
        Z_PROP_FLAG_P(property) = 0;
    }
}

/* One of an array's values, by the key that follows it. */
static void choose(zval *to, const zval *choices, const sp_value *value) {
    zval *found = value->kind == SP_INTEGER ? zend_hash_index_find(Z_ARRVAL_P(choices), value->as.integer)
                                            : zend_symtable_str_find(Z_ARRVAL_P(choices), value->as.text, value->length);
    if (found) ZVAL_COPY(to, found); else ZVAL_NULL(to);
}

/* In postfix order: what holds others comes after them and takes them from the top. Each value knows its place in the
 * object that takes it (`slot`). */
void sp_build(zval *to, const sp_value *values, uint32_t count) {
    zval space[ON_STACK], *stack = count <= ON_STACK ? space : safe_emalloc(count, sizeof *stack, 0);
    uint32_t top = 0;
    for (const sp_value *value = values, *end = values + count; value < end; value++) {
        zval made;
        uint32_t taken = 0, slot = value->slot;
        switch (value->kind) {
            case SP_LIST:
                taken = value->count;
                if (taken == 0) { ZVAL_EMPTY_ARRAY(&made); break; }
                array_init_size(&made, taken);
                zend_hash_real_init_packed(Z_ARRVAL(made));
                ZEND_HASH_FILL_PACKED(Z_ARRVAL(made)) {
                    for (uint32_t i = top - taken; i < top; i++) { ZEND_HASH_FILL_SET(&stack[i]); ZEND_HASH_FILL_NEXT(); }
                } ZEND_HASH_FILL_END();
                break;
            case SP_MAP:
                taken = 2 * value->count;
                array_init_size(&made, value->count);
                for (uint32_t i = top - taken; i < top; i += 2) {
                    zend_symtable_update(Z_ARRVAL(made), Z_STR(stack[i]), &stack[i + 1]);
                    zval_ptr_dtor(&stack[i]);
                }
                break;
            case SP_OBJECT:
                taken = value->count;
                make_object(&made, value->as.class, &stack[top - taken], taken);
                break;
            case SP_CHOICE:
                choose(&made, value->as.choices, value + 1);
                slot = (++value)->slot;
                break;
            default: set_plain(&made, value);
        }
        top -= taken;
        ZVAL_COPY_VALUE(&stack[top], &made);
        Z_EXTRA(stack[top]) = slot;
        top++;
    }
    if (top == 1) ZVAL_COPY_VALUE(to, &stack[0]); else ZVAL_NULL(to);
    if (stack != space) efree(stack);
}
