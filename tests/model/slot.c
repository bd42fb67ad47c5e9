/*
 * Slots and handles (pool/slot.h): a stale handle never reaches the next object in its slot, the last reference is the
 * last for one thread only, and no slot is given to two.
 */
#include "slot.h"
#include "model.h"

enum { OLD = 1, NEW = 2, MARK = APM__SLOT_CLOSED };

struct object {
    struct apm__slot slot;
    _Atomic uint32_t owner; /* OLD or NEW: whose object the slot holds */
    uint32_t copy;          /* the same, not atomic: whoever holds a reference may read it */
};

static struct apm__slot_table table = APM__SLOT_TABLE(APM__KIND_SOCKET, struct object, NULL);
static uint64_t old_handle;
static uint64_t new_handle;
static struct apm__slot *allocated[2];
static int frees;
static int marks;

static struct object *to_object(struct apm__slot *slot)
{
    return (struct object *)slot;
}

static uint64_t create(uint32_t owner, uint32_t references, struct apm__slot **slot)
{
    *slot = apm__slot_allocate(&table);
    MODEL_CHECK(*slot != NULL);
    apm__atomic_store(&to_object(*slot)->owner, owner, APM__RELAXED);
    to_object(*slot)->copy = owner;
    apm__slot_publish(*slot, references, 0);
    return apm__slot_handle(*slot);
}

static void release(struct apm__slot *slot)
{
    if (apm__slot_release(slot)) {
        frees++;
        apm__slot_free(&table, slot);
    }
}

static void create_old(void)
{
    struct apm__slot *slot;
    old_handle = create(OLD, 1, &slot);
    model_name(slot, sizeof(struct object), "the slot");
}

static void create_old_with_two_references(void)
{
    struct apm__slot *slot;
    old_handle = create(OLD, 2, &slot);
}

/* -- What threads do -- */

static void use_old(void)
{
    struct apm__slot *slot;
    apm_error error = apm__slot_acquire(&table, old_handle, 0, &slot);
    if (error != APM_ERROR_SUCCESS) {
        MODEL_CHECK(error == APM_ERROR_OBJECT_DISPOSED && slot == NULL);
        return;
    }
    MODEL_CHECK(apm__atomic_load(&to_object(slot)->owner, APM__RELAXED) == OLD);
    MODEL_CHECK(to_object(slot)->copy == OLD);
    release(slot);
}

static void replace_old(void)
{
    struct apm__slot *slot;
    release(apm__slot_find(&table, old_handle));
    new_handle = create(NEW, 1, &slot);
}

static void release_old(void)
{
    release(apm__slot_find(&table, old_handle));
}

static bool is_old(const struct apm__slot *slot, const void *context)
{
    (void)context;
    return apm__atomic_load(&((const struct object *)(const void *)slot)->owner, APM__RELAXED) == OLD;
}

static void mark_old(void)
{
    struct apm__slot *slot;
    if (apm__slot_mark(&table, old_handle, MARK, is_old, NULL, &slot) == APM_ERROR_SUCCESS)
        marks++;
}

static void mark_and_end_old(void)
{
    struct apm__slot *slot;
    if (apm__slot_mark(&table, old_handle, MARK, is_old, NULL, &slot) != APM_ERROR_SUCCESS)
        return;
    marks++;
    MODEL_CHECK(to_object(slot)->copy == OLD);
    release(slot);
    new_handle = create(NEW, 1, &slot);
}

static void allocate_one(void)
{
    create(NEW, 1, &allocated[model_self()]);
}

static void allocate_and_free_one(void)
{
    struct apm__slot *slot;
    create(NEW, 1, &slot);
    release(slot);
    create(NEW, 1, &allocated[model_self()]);
}

/* -- What must hold in the end -- */

static void check_replaced(void)
{
    struct apm__slot *slot;
    MODEL_CHECK(frees == 1);
    MODEL_CHECK(apm__slot_check(&table, old_handle) == APM_ERROR_OBJECT_DISPOSED);
    MODEL_CHECK(apm__slot_acquire(&table, new_handle, MARK, &slot) == APM_ERROR_SUCCESS);
    MODEL_CHECK(to_object(slot)->copy == NEW);
    MODEL_CHECK((apm__atomic_load(&slot->control, APM__RELAXED) & APM__SLOT_REFERENCES) == 2);
}

static void check_freed(void)
{
    MODEL_CHECK(frees == 1);
}

static void check_marked_once(void)
{
    MODEL_CHECK(marks == 1);
    check_replaced();
}

static void check_different(void)
{
    MODEL_CHECK(allocated[0] != allocated[1]);
}

static const struct model models[] = {
    {
        .name = "a_stale_handle_never_reaches_the_next_object",
        .set_up = create_old,
        .threads = {MODEL_THREAD(use_old), MODEL_THREAD(replace_old)},
        .check = check_replaced,
        .spurious = 1,
    },
    {
        .name = "two_users_of_a_stale_handle_never_reach_the_next_object",
        .set_up = create_old,
        .threads = {MODEL_THREAD(use_old), MODEL_THREAD(use_old), MODEL_THREAD(replace_old)},
    },
    {
        .name = "the_last_reference_is_the_last_for_one_thread",
        .set_up = create_old_with_two_references,
        .threads = {MODEL_THREAD(release_old), MODEL_THREAD(release_old), MODEL_THREAD(use_old)},
        .check = check_freed,
    },
    {
        .name = "a_mark_is_set_once_and_never_on_the_next_object",
        .set_up = create_old,
        .threads = {MODEL_THREAD(mark_old), MODEL_THREAD(replace_old)},
        .check = check_replaced,
        .spurious = 1,
    },
    {
        .name = "of_two_marks_one_succeeds",
        .set_up = create_old,
        .threads = {MODEL_THREAD(mark_and_end_old), MODEL_THREAD(mark_and_end_old)},
        .check = check_marked_once,
    },
    {
        .name = "no_slot_is_given_to_two_threads",
        .threads = {MODEL_THREAD(allocate_one), MODEL_THREAD(allocate_and_free_one)},
        .check = check_different,
    },
};

MODEL_MAIN(models)
