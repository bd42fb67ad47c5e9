/*
 * Work items. The slots are used for their allocation only: no handle names an item. Any thread.
 */
#include "item.h"

struct item {
    struct apm__slot slot; /* first: the table's view */
    struct apm__work work;

    /* immutable while the item is queued */
    void (*callback)(void *state);
    void *state;
};

static void run(struct apm__work *work);

static void prepare(struct apm__slot *slot)
{
    ((struct item *)slot)->work.run = run;
}

static struct apm__slot_table items = APM__SLOT_TABLE(APM__KIND_WORK_ITEM, struct item, prepare);

static void run(struct apm__work *work)
{
    if (apm__pool_is_abandoning())
        return; /* the slot has been freed, see below */
    struct item *item = (struct item *)(void *)((unsigned char *)work - offsetof(struct item, work));
    void (*callback)(void *state) = item->callback;
    void *state = item->state;
    apm__slot_free(&items, &item->slot); /* first: what the callback queues gets the slot that is still warm */
    callback(state);
}

apm_error apm__item_queue(struct apm__pool *pool, void (*callback)(void *state), void *state, bool prefer_local)
{
    struct item *item = (struct item *)apm__slot_allocate(&items);
    if (!item)
        return APM_ERROR_OUT_OF_MEMORY;
    item->callback = callback;
    item->state = state;
    apm_error error = apm__pool_queue(pool, &item->work, prefer_local);
    if (error != APM_ERROR_SUCCESS)
        apm__slot_free(&items, &item->slot);
    return error;
}
