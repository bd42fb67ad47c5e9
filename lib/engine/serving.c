/*
 * Water marks and drains. See serving.h for the rules. Any thread.
 */
#include "serving.h"

#include "check.h"
#include "engine.h"
#include "outcome.h"

apm_error apm__serving_make_locked(struct apm__channel *channel)
{
    if (!channel->serving)
        channel->serving = apm__os_allocate(sizeof *channel->serving);
    return channel->serving ? APM_ERROR_SUCCESS : APM_ERROR_OUT_OF_MEMORY;
}

apm_error apm__serving_make_group_locked(struct apm__channel *channel)
{
    apm_error error = apm__serving_make_locked(channel);
    if (error == APM_ERROR_SUCCESS && !channel->serving->group)
        channel->serving->group = apm__group_create(channel, channel->key);
    return error == APM_ERROR_SUCCESS && !channel->serving->group ? APM_ERROR_OUT_OF_MEMORY : error;
}

void apm__serving_free(struct apm__channel *channel)
{
    struct apm__serving *serving = channel->serving;
    if (!serving)
        return;
    APM__ASSERT(!serving->strand.busy && !serving->strand.head && !serving->waits.head);
    if (serving->group)
        apm__group_release(serving->group);
    apm__os_free(serving);
    channel->serving = NULL;
}

/* -- Settings -- */

static bool has_marks(apm_send_water_marks marks)
{
    return marks.high_bytes > 0 || marks.high_sends > 0;
}

struct apm__serving_settings apm__serving_settings_locked(const struct apm__channel *channel)
{
    struct apm__serving_settings settings = {.serialised = channel->serialised};
    if (channel->serving)
        settings.marks = channel->serving->marks;
    return settings;
}

apm_error apm__serving_inherit(struct apm__channel *channel, const struct apm__serving_settings *settings)
{
    if (!settings->serialised && !has_marks(settings->marks))
        return APM_ERROR_SUCCESS;
    apm__os_mutex_lock(&channel->lock);
    apm_error error = apm__serving_make_locked(channel);
    if (error == APM_ERROR_SUCCESS) {
        channel->serialised = settings->serialised;
        channel->serving->marks = settings->marks;
        channel->serving->counts = has_marks(settings->marks);
    }
    apm__os_mutex_unlock(&channel->lock);
    return error;
}

/* -- Water marks -- */

bool apm__serving_admits_send_locked(const struct apm__channel *channel)
{
    const struct apm__serving *serving = channel->serving;
    const apm_send_water_marks *marks = &serving->marks;
    return (marks->high_bytes == 0 || serving->pending_bytes < marks->high_bytes) &&
           (marks->high_sends == 0 || serving->pending_sends < marks->high_sends);
}

bool apm__serving_is_sendable_locked(const struct apm__channel *channel)
{
    const struct apm__serving *serving = channel->serving;
    const apm_send_water_marks *marks = &serving->marks;
    return (marks->high_bytes == 0 || serving->pending_bytes <= marks->low_bytes) &&
           (marks->high_sends == 0 || serving->pending_sends <= marks->low_sends);
}

/* Settles each wait for the low mark, if that is reached. */
static struct apm__operation *end_waits_locked(struct apm__channel *channel)
{
    struct apm__operation *ended = NULL;
    struct apm__operation **link = &ended;
    struct apm__operation *next;
    if (!apm__serving_is_sendable_locked(channel))
        return NULL;
    for (struct apm__operation *wait = channel->serving->waits.head; wait; wait = next) {
        next = wait->next;
        if (apm__kind_of(wait) != APM__OPERATION_WAIT_SENDABLE)
            continue;
        apm__outcome_settle_locked(channel, wait, APM_ERROR_SUCCESS, false);
        wait->next = NULL;
        *link = wait;
        link = &wait->next;
    }
    return ended;
}

/* The send is no longer pending. */
static void uncount_locked(struct apm__serving *serving, const struct apm__operation *send)
{
    serving->pending_bytes -= send->size;
    serving->pending_sends--;
}

/* The work of a send that counts: its callback is about to be called. */
static void run_counted(struct apm__work *work)
{
    struct apm__operation *operation =
        (struct apm__operation *)(void *)((unsigned char *)work - offsetof(struct apm__operation, work));
    struct apm__channel *channel = operation->place_owner;
    apm__os_mutex_lock(&channel->lock);
    uncount_locked(channel->serving, operation);
    struct apm__operation *ended = end_waits_locked(channel);
    apm__channel_unlock(channel);
    apm__outcome_complete_list(ended);
    work->run = apm__operation_run_callback;
    work->run(work);
}

/* The send is pending. It has not been settled: so its work is not the pool's yet. */
static void count_locked(struct apm__serving *serving, struct apm__operation *send)
{
    serving->pending_bytes += send->size;
    serving->pending_sends++;
    if (send->callback)
        send->work.run = run_counted;
}

void apm__serving_count_sends_locked(const struct apm__channel *channel, size_t *bytes, size_t *sends)
{
    const struct apm__serving *serving = channel->serving;
    *bytes = serving && serving->counts ? serving->pending_bytes : 0;
    *sends = serving && serving->counts ? serving->pending_sends : 0;
    if (serving && serving->counts)
        return;
    for (const struct apm__operation *operation = channel->out.head; operation; operation = operation->next)
        if (apm__outcome_is_send(operation)) {
            *bytes += operation->size;
            *sends += 1;
        }
}

struct apm__operation *apm__serving_set_marks_locked(struct apm__channel *channel, apm_send_water_marks marks)
{
    struct apm__serving *serving = channel->serving;
    for (struct apm__operation *operation = channel->out.head; operation && !serving->counts;
         operation = operation->next)
        if (apm__outcome_is_send(operation))
            count_locked(serving, operation);
    serving->counts = true;
    serving->marks = marks;
    return end_waits_locked(channel);
}

/* -- Drains -- */

/* Refuses connections from now on. Those that the system has and nobody has accepted are reset. */
static void stop_listening_locked(struct apm__channel *channel)
{
    if (!channel->listening || channel->closed)
        return;
    channel->listening = false;
    apm_error ignored = apm__os_socket_shutdown(channel->descriptor, APM_SOCKET_SHUTDOWN_RECEIVE);
    (void)ignored; /* at worst they wait in the backlog until the listener is closed */
}

void apm__serving_drain_locked(struct apm__channel *channel, struct apm__operation *operation)
{
    channel->draining = true;
    apm__atomic_store(&channel->serving->group->drain, APM__GROUP_DRAINS, APM__SEQ_CST); /* see group.h */
    apm__engine_wait_locked(channel, operation);
    /* Each accept that is pending looks once more, and then ends. */
    for (struct apm__operation *accept = channel->in.head; accept; accept = accept->next)
        if (accept->wish == APM_ERROR_SUCCESS)
            accept->wish = APM_ERROR_OPERATION_ABORTED;
}

struct apm__operation *apm__serving_finish_drain_locked(struct apm__channel *channel)
{
    struct apm__serving *serving = channel->serving;
    if (!channel->draining || channel->in.head || apm__atomic_load(&serving->group->members, APM__SEQ_CST) > 0)
        return NULL;
    struct apm__operation *operation = serving->waits.head;
    while (operation && apm__kind_of(operation) != APM__OPERATION_DRAIN)
        operation = operation->next;
    if (operation)
        apm__outcome_settle_locked(channel, operation, APM_ERROR_SUCCESS, false);
    return operation;
}

void apm__serving_drain_settled_locked(struct apm__channel *channel, const struct apm__operation *operation)
{
    if (operation->error != APM_ERROR_SUCCESS)
        apm__atomic_store(&channel->serving->group->drain, APM__GROUP_ENDS, APM__SEQ_CST);
    stop_listening_locked(channel);
}

void apm__serving_tell_and_unlock(struct apm__channel *channel)
{
    channel->drain_untold = true;
    apm__engine_stir_and_unlock(channel);
}

void apm__serving_opened_and_unlock(struct apm__channel *connection)
{
    enum apm__group_drain drain = connection->group ? apm__group_drain(connection->group) : APM__GROUP_SERVES;
    if (drain == APM__GROUP_ENDS) {
        apm__engine_close_and_unlock(connection);
        return;
    }
    connection->drain_untold = drain == APM__GROUP_DRAINS;
    apm__channel_unlock(connection);
}

/* -- Operations that come and go -- */

/* Whether the operation takes a connection from the listener; one that has it already is another channel's. */
static bool is_accept(const struct apm__operation *operation)
{
    enum apm__operation_kind kind = apm__kind_of(operation);
    return kind == APM__OPERATION_ACCEPT || kind == APM__OPERATION_ACCEPT_RECEIVE;
}

void apm__serving_admitted_locked(struct apm__channel *channel, struct apm__operation *operation)
{
    struct apm__serving *serving = channel->serving;
    if (serving->counts && apm__outcome_is_send(operation)) {
        count_locked(serving, operation);
    } else if (channel->draining && is_accept(operation)) {
        operation->wish = APM_ERROR_OPERATION_ABORTED; /* it looks once */
        channel->in.drained = false;
    }
}

void apm__serving_settled_locked(struct apm__channel *channel, struct apm__operation *operation, bool by_wish)
{
    struct apm__serving *serving = channel->serving;
    if (serving->counts && apm__outcome_is_send(operation) && !operation->callback) {
        uncount_locked(serving, operation);
        operation->also = end_waits_locked(channel);
    } else if (channel->draining && is_accept(operation)) {
        if (operation->error == APM_ERROR_INVALID_ARGUMENT) { /* the listening has ended under its hands */
            operation->error = APM_ERROR_OPERATION_ABORTED;
            operation->native_error = 0;
        }
        if (by_wish && !channel->in.head)
            stop_listening_locked(channel);
        operation->also = apm__serving_finish_drain_locked(channel);
        if (operation->also)
            operation->also->next = NULL;
    }
}
