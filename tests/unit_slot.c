/*
 * Slots: what a handle means before, during and after its object's life.
 */
#include <pthread.h>
#include <sched.h>

#include "harness.h"
#include "slot.h"

struct object {
    struct apm__slot slot;
    int value;
};

static struct apm__slot_table table = APM__SLOT_TABLE(APM__KIND_SOCKET, struct object, NULL);

static uint64_t create(struct apm__slot **slot)
{
    *slot = apm__slot_allocate(&table);
    CHECK(*slot != NULL);
    apm__slot_publish(*slot, 1, 0);
    return apm__slot_handle(*slot);
}

static void destroy(struct apm__slot *slot)
{
    CHECK(apm__slot_release(slot));
    apm__slot_free(&table, slot);
}

TEST(a_handle_is_never_issued_then_valid_then_disposed)
{
    struct apm__slot *slot = apm__slot_allocate(&table);
    CHECK(slot != NULL);
    apm__slot_publish(slot, 1, 0);
    uint64_t bits = apm__slot_handle(slot);
    uint64_t next = bits + ((uint64_t)1 << 32);
    CHECK_EQ(apm__slot_check(&table, bits), APM_ERROR_SUCCESS);
    CHECK_EQ(apm__slot_check(&table, next), APM_ERROR_ARGUMENT);
    destroy(slot);
    CHECK_EQ(apm__slot_check(&table, bits), APM_ERROR_OBJECT_DISPOSED);
    CHECK_EQ(apm__slot_check(&table, next), APM_ERROR_ARGUMENT);
}

TEST(zero_another_kind_and_an_index_beyond_the_table_are_refused)
{
    struct apm__slot *slot;
    uint64_t bits = create(&slot);
    CHECK_EQ(apm__slot_check(&table, 0), APM_ERROR_ARGUMENT_NULL);
    CHECK_EQ(apm__slot_check(&table, bits ^ 3), APM_ERROR_ARGUMENT);
    CHECK_EQ(apm__slot_check(&table, bits | 0xffffffc0u), APM_ERROR_ARGUMENT);
    destroy(slot);
}

TEST(a_slot_is_reused_with_a_new_generation)
{
    struct apm__slot *first;
    struct apm__slot *second;
    uint64_t old_bits = create(&first);
    destroy(first);
    uint64_t new_bits = create(&second);
    CHECK(first == second);
    CHECK(old_bits != new_bits);
    CHECK_EQ(apm__slot_check(&table, old_bits), APM_ERROR_OBJECT_DISPOSED);
    CHECK_EQ(apm__slot_check(&table, new_bits), APM_ERROR_SUCCESS);
    destroy(second);
}

TEST(acquire_holds_the_object_and_refuses_flags)
{
    struct apm__slot *slot;
    struct apm__slot *held;
    uint64_t bits = create(&slot);
    CHECK_EQ(apm__slot_acquire(&table, bits, APM__SLOT_CLOSED, &held), APM_ERROR_SUCCESS);
    CHECK(held == slot);
    CHECK(!apm__slot_release(slot));
    CHECK_EQ(apm__slot_check(&table, bits), APM_ERROR_SUCCESS);
    apm__atomic_or(&slot->control, APM__SLOT_CLOSED, APM__ACQ_REL);
    struct apm__slot *refused;
    CHECK_EQ(apm__slot_acquire(&table, bits, APM__SLOT_CLOSED, &refused), APM_ERROR_OBJECT_DISPOSED);
    CHECK(refused == NULL);
    CHECK_EQ(apm__slot_acquire(&table, bits, 0, &refused), APM_ERROR_SUCCESS);
    CHECK(!apm__slot_release(refused));
    destroy(held);
}

static bool is_value(const struct apm__slot *slot, const void *context)
{
    return ((const struct object *)slot)->value == *(const int *)context;
}

struct last_holder {
    struct apm__slot *slot;
    int left; /* plain: ThreadSanitizer sees who reads it without order */
};

static void *let_go(void *argument)
{
    struct last_holder *holder = argument;
    holder->left = 1;
    destroy(holder->slot);
    return NULL;
}

TEST(who_is_told_that_the_object_is_gone_sees_what_its_last_holder_did)
{
    struct last_holder holder = {.left = 0};
    uint64_t bits = create(&holder.slot);
    struct apm__slot *held;
    pthread_t thread;
    CHECK_EQ(pthread_create(&thread, NULL, let_go, &holder), 0);
    while (apm__atomic_load(&holder.slot->control, APM__RELAXED) & APM__SLOT_REFERENCES)
        sched_yield(); /* no order comes from here */
    CHECK_EQ(apm__slot_acquire(&table, bits, 0, &held), APM_ERROR_OBJECT_DISPOSED);
    CHECK_EQ(holder.left, 1);
    CHECK_EQ(pthread_join(thread, NULL), 0);
}

TEST(mark_succeeds_once_and_only_for_what_fits)
{
    struct apm__slot *slot;
    struct apm__slot *marked;
    const int right = 7;
    const int wrong = 8;
    uint64_t bits = create(&slot);
    ((struct object *)slot)->value = right;
    CHECK_EQ(apm__slot_mark(&table, bits, APM__SLOT_CLOSED, is_value, &wrong, &marked), APM_ERROR_ARGUMENT);
    CHECK_EQ(apm__slot_mark(&table, bits, APM__SLOT_CLOSED, is_value, &right, &marked), APM_ERROR_SUCCESS);
    CHECK(marked == slot);
    CHECK_EQ(apm__slot_mark(&table, bits, APM__SLOT_CLOSED, is_value, &right, &marked), APM_ERROR_OBJECT_DISPOSED);
    destroy(slot);
}

TEST(a_slot_that_has_used_its_last_generation_is_retired)
{
    struct apm__slot *slot;
    create(&slot);
    apm__atomic_store(&slot->control, (uint64_t)UINT32_MAX << 32 | 1, APM__RELAXED);
    uint64_t last = apm__slot_handle(slot);
#ifdef APM_DEBUG
    apm__atomic_store(&slot->control, (uint64_t)UINT16_MAX << 32 | 1, APM__RELAXED);
    last = apm__slot_handle(slot);
#endif
    destroy(slot);
    struct apm__slot *other;
    create(&other);
    CHECK(other != slot);
    CHECK_EQ(apm__slot_check(&table, last), APM_ERROR_OBJECT_DISPOSED);
    destroy(other);
}

TEST(many_slots_have_different_handles_that_all_find_their_slot)
{
    enum { COUNT = 5000 };
    static struct apm__slot *slots[COUNT];
    for (int i = 0; i < COUNT; i++) {
        uint64_t bits = create(&slots[i]);
        CHECK(apm__slot_find(&table, bits) == slots[i]);
        ((struct object *)slots[i])->value = i;
    }
    for (int i = 0; i < COUNT; i++) {
        CHECK_EQ(((struct object *)slots[i])->value, i);
        destroy(slots[i]);
    }
}

static uint32_t cached_by_thread;

static void *use_a_slot(void *unused)
{
    struct apm__slot *slot;
    (void)unused;
    create(&slot);
    destroy(slot);
    cached_by_thread = apm__slot_cached(&table);
    return NULL;
}

TEST(a_thread_keeps_free_slots_and_gives_them_back_when_it_ends)
{
    pthread_t thread;
    CHECK_EQ(pthread_create(&thread, NULL, use_a_slot, NULL), 0);
    CHECK_EQ(pthread_join(thread, NULL), 0);
    CHECK(cached_by_thread > 0);
    uint32_t free_slots = 0;
    for (uint32_t index = table.free_head; index != APM__SLOT_NONE; index = apm__slot_at(&table, index)->next_free)
        free_slots++;
    CHECK_EQ(free_slots, apm__atomic_load(&table.slot_count, APM__RELAXED));
}

TEST_MAIN()
