/*
 * Poll and Select. Any thread; the protocol of waiting is select.h's.
 *
 * All sockets are looked at with one system call. Only if none is ready the thread links itself to their channels and
 * waits.
 */
#include "apm/socket_select.h"

#include "engine.h"
#include "outcome.h"
#include "select.h"

/* One socket in one list. */
struct item {
    struct apm__channel *channel;
    struct apm__select_link link;
    apm_select_mode mode;
    bool ready;
};

/* What is looked at, and with whom the thread is linked; the arrays have `count` places. */
struct selection {
    struct item *items;
    apm__os_poll_entry *entries;
    size_t count;
    size_t entered; /* items that hold a reference and use the descriptor */
    bool linked;
    bool found; /* there is something to report, be it that nothing of what was asked for will come */
};

static const int64_t FOR_EVER_NS = -1;

/* -- Entering and leaving ------------------------------------------------------------------------------------------ */

static apm_error enter(struct selection *selection, uint64_t bits, apm_select_mode mode)
{
    struct apm__channel *channel;
    apm_error error = apm__channel_lock(bits, &channel);
    if (error != APM_ERROR_SUCCESS)
        return error;
    apm__slot_retain(&channel->slot);
    channel->users++;
    uint32_t interest = mode == APM_SELECT_MODE_SELECT_READ    ? APM__OS_READY_IN
                        : mode == APM_SELECT_MODE_SELECT_WRITE ? APM__OS_READY_OUT
                                                               : APM__OS_READY_URGENT;
    selection->items[selection->entered] = (struct item){.channel = channel, .mode = mode};
    selection->entries[selection->entered] = (apm__os_poll_entry){.socket = channel->descriptor, .interest = interest};
    selection->entered++;
    apm__channel_unlock(channel);
    return APM_ERROR_SUCCESS;
}

static void leave_all(struct selection *selection)
{
    for (size_t i = 0; i < selection->entered; i++) {
        struct apm__channel *channel = selection->items[i].channel;
        apm__os_mutex_lock(&channel->lock);
        if (selection->linked)
            apm__select_unlink_locked(channel, &selection->items[i].link);
        channel->users--;
        apm__os_socket descriptor = apm__outcome_take_descriptor_locked(channel);
        apm__channel_unlock(channel);
        apm__outcome_close_taken(descriptor);
        apm__channel_release(channel);
    }
}

static void link_all(struct selection *selection, struct apm__slot *event)
{
    for (size_t i = 0; i < selection->entered; i++) {
        struct apm__channel *channel = selection->items[i].channel;
        selection->items[i].link.event = event;
        apm__os_mutex_lock(&channel->lock);
        apm__select_link_locked(channel, &selection->items[i].link);
        apm__channel_unlock(channel);
    }
    selection->linked = true;
}

/* Has the next readiness of each reported. */
static apm_error watch_all(struct selection *selection)
{
    apm_error error = APM_ERROR_SUCCESS;
    for (size_t i = 0; i < selection->entered && error == APM_ERROR_SUCCESS; i++) {
        struct apm__channel *channel = selection->items[i].channel;
        bool out = selection->items[i].mode == APM_SELECT_MODE_SELECT_WRITE;
        apm__os_mutex_lock(&channel->lock);
        if (!channel->closed)
            error = apm__engine_watch_locked(channel, out ? APM__OS_READY_OUT : APM__OS_READY_IN);
        apm__channel_unlock(channel);
    }
    return error;
}

/* -- Looking ------------------------------------------------------------------------------------------------------- */

/* Whether the engine has yet to find out how a connect has ended: until then the kernel's view is ahead of it. */
static bool is_connecting_locked(const struct apm__channel *channel)
{
    const struct apm__operation *head = channel->out.head;
    if (!channel->connecting)
        return false;
    return channel->out.running || (head && head->plan && !head->plan->unresolved);
}

/* Decides about one socket; the same for the whole selection. */
static void judge_locked(struct selection *selection, struct item *item, uint32_t ready)
{
    const struct apm__channel *channel = item->channel;
    item->ready = false;
    if (channel->closed) {
        item->ready = true;
    } else if (is_connecting_locked(channel)) {
        return;
    } else {
        switch (item->mode) {
        case APM_SELECT_MODE_SELECT_READ: item->ready = ready & (APM__OS_READY_IN | APM__OS_READY_HANG_UP); break;
        case APM_SELECT_MODE_SELECT_WRITE: item->ready = ready & APM__OS_READY_OUT; break;
        case APM_SELECT_MODE_SELECT_ERROR:
            item->ready = (ready & (APM__OS_READY_FAILURE | APM__OS_READY_URGENT)) ||
                          channel->connect_error != APM_ERROR_SUCCESS;
            break;
        }
    }
    selection->found = selection->found || item->ready || ready != 0;
}

static apm_error look(struct selection *selection)
{
    size_t ready;
    apm_error error = apm__os_poll_all(selection->entries, selection->count, 0, &ready);
    if (error != APM_ERROR_SUCCESS)
        return error;
    for (size_t i = 0; i < selection->count; i++) {
        struct item *item = &selection->items[i];
        apm__os_mutex_lock(&item->channel->lock);
        judge_locked(selection, item, selection->entries[i].ready);
        apm__channel_unlock(item->channel);
    }
    return APM_ERROR_SUCCESS;
}

/* Looks, and waits until there is something to see. */
static apm_error wait_for(struct selection *selection, int64_t timeout_ns)
{
    uint64_t end_ns = timeout_ns > 0 ? apm__os_monotonic_ns() + (uint64_t)timeout_ns : 0;
    apm_error error = look(selection);
    if (error != APM_ERROR_SUCCESS || selection->found || timeout_ns == 0)
        return error;
    struct apm__slot *event = apm__select_event_create();
    if (!event)
        return APM_ERROR_OUT_OF_MEMORY;
    link_all(selection, event);
    for (bool timed_out = false;;) {
        error = watch_all(selection);
        if (error == APM_ERROR_SUCCESS)
            error = look(selection);
        if (error != APM_ERROR_SUCCESS || selection->found || timed_out)
            break;
        int64_t left_ns = FOR_EVER_NS;
        if (timeout_ns > 0) {
            uint64_t now_ns = apm__os_monotonic_ns();
            left_ns = now_ns < end_ns ? (int64_t)(end_ns - now_ns) : 0;
        }
        timed_out = !apm__select_event_wait(event, left_ns);
    }
    leave_all(selection); /* before the event goes */
    selection->entered = 0;
    apm__select_event_destroy(event);
    return error;
}

/* -- The public functions ------------------------------------------------------------------------------------------ */

/* Microseconds as .NET takes them. */
static apm_error to_timeout(int64_t micro_seconds, int64_t *timeout_ns)
{
    if (micro_seconds <= -1000)
        return APM_ERROR_INVALID_ARGUMENT;
    if (micro_seconds == -1 || micro_seconds > INT64_MAX / 1000)
        *timeout_ns = FOR_EVER_NS;
    else
        *timeout_ns = micro_seconds < 0 ? 0 : micro_seconds * 1000;
    return APM_ERROR_SUCCESS;
}

apm_error apm_socket_poll(apm_socket socket, int64_t micro_seconds, apm_select_mode mode, bool *ready)
{
    struct item item;
    apm__os_poll_entry entry;
    struct selection selection = {.items = &item, .entries = &entry, .count = 1};
    int64_t timeout_ns = 0;
    if (!ready)
        return APM_ERROR_ARGUMENT_NULL;
    *ready = false;
    apm_error error = enter(&selection, socket.bits, mode);
    if (error != APM_ERROR_SUCCESS)
        return error;
    error = to_timeout(micro_seconds, &timeout_ns);
    bool is_mode = (int)mode >= APM_SELECT_MODE_SELECT_READ && (int)mode <= APM_SELECT_MODE_SELECT_ERROR;
    if (error == APM_ERROR_SUCCESS && is_mode)
        error = wait_for(&selection, timeout_ns);
    *ready = error == APM_ERROR_SUCCESS && is_mode && item.ready;
    leave_all(&selection);
    return error;
}

/* A list of the caller's. */
struct list {
    apm_socket *sockets;
    size_t *count;
    apm_select_mode mode;
};

static size_t size_of(const struct list *list)
{
    return list->count ? *list->count : 0;
}

static apm_error enter_list(struct selection *selection, const struct list *list)
{
    for (size_t i = 0; i < size_of(list); i++) {
        apm_error error = enter(selection, list->sockets[i].bits, list->mode);
        if (error != APM_ERROR_SUCCESS)
            return error == APM_ERROR_ARGUMENT_NULL ? APM_ERROR_ARGUMENT : error; /* as .NET's, of the list */
    }
    return APM_ERROR_SUCCESS;
}

/* Reduces the list to the sockets whose items, which begin at `items`, are ready. */
static void reduce(const struct list *list, const struct item *items)
{
    size_t kept = 0;
    for (size_t i = 0; i < size_of(list); i++)
        if (items[i].ready)
            list->sockets[kept++] = list->sockets[i];
    if (list->count)
        *list->count = kept;
}

static apm_error select_of(const struct list lists[3], size_t count, int64_t timeout_ns)
{
    enum { ON_STACK = 16 };
    struct item few_items[ON_STACK];
    apm__os_poll_entry few_entries[ON_STACK];
    struct selection selection = {.items = few_items, .entries = few_entries, .count = count};
    void *memory = NULL;
    if (count > ON_STACK) {
        memory = apm__os_allocate(count * (sizeof(struct item) + sizeof(apm__os_poll_entry)));
        if (!memory)
            return APM_ERROR_OUT_OF_MEMORY;
        selection.items = memory;
        selection.entries = (apm__os_poll_entry *)(void *)(selection.items + count);
    }
    apm_error error = APM_ERROR_SUCCESS;
    for (size_t i = 0; i < 3 && error == APM_ERROR_SUCCESS; i++)
        error = enter_list(&selection, &lists[i]);
    if (error == APM_ERROR_SUCCESS)
        error = wait_for(&selection, timeout_ns);
    const struct item *items = selection.items;
    for (size_t i = 0; i < 3 && error == APM_ERROR_SUCCESS; i++) {
        size_t size = size_of(&lists[i]);
        reduce(&lists[i], items);
        items += size;
    }
    leave_all(&selection);
    apm__os_free(memory);
    return error;
}

apm_error apm_socket_select(apm_socket *check_read, size_t *check_read_count, apm_socket *check_write,
                            size_t *check_write_count, apm_socket *check_error, size_t *check_error_count,
                            int64_t micro_seconds)
{
    const struct list lists[3] = {{check_read, check_read_count, APM_SELECT_MODE_SELECT_READ},
                                  {check_write, check_write_count, APM_SELECT_MODE_SELECT_WRITE},
                                  {check_error, check_error_count, APM_SELECT_MODE_SELECT_ERROR}};
    int64_t timeout_ns = 0;
    size_t count = 0;
    for (size_t i = 0; i < 3; i++) {
        size_t size = size_of(&lists[i]);
        if (size > 0 && !lists[i].sockets)
            return APM_ERROR_ARGUMENT_NULL;
        if (size > APM_SOCKET_SELECT_LIMIT)
            return APM_ERROR_ARGUMENT_OUT_OF_RANGE;
        count += size;
    }
    if (count == 0)
        return APM_ERROR_ARGUMENT_NULL;
    apm_error error = to_timeout(micro_seconds, &timeout_ns);
    return error == APM_ERROR_SUCCESS ? select_of(lists, count, timeout_ns) : error;
}
