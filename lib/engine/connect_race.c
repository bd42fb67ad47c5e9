/*
 * Races of connects. See connect_race.h for the rules.
 */
#include "connect_race.h"

#include "alarm.h"
#include "check.h"
#include "engine.h"
#include "outcome.h"

static const uint64_t ms_ns = 1000000;

/* -- The alarm ----------------------------------------------------------------------------------------------------- */

static void place_alarm_locked(struct apm__operation *operation)
{
    struct apm__connect_race *race = operation->plan->race;
    if (apm__alarm_place(operation->pool, &race->alarm, race->next_ns))
        apm__slot_retain(&operation->slot);
}

/* It is time for the next address, or may be: whoever performs will see. */
static void expire(struct apm__deadline *deadline)
{
    struct apm__connect_race *race =
        (struct apm__connect_race *)(void *)((unsigned char *)deadline - offsetof(struct apm__connect_race, alarm));
    struct apm__operation *operation = race->operation;
    struct apm__channel *channel = operation->place_owner;
    apm__os_mutex_lock(&channel->lock);
    apm__alarm_rung(deadline);
    if (operation->place == APM__PLACE_QUEUED || operation->place == APM__PLACE_RUNNING)
        apm__engine_stir_connect_and_unlock(channel);
    else /* it has ended; the channel may be another socket's */
        apm__channel_unlock(channel);
    apm__operation_release(operation); /* the asking's */
}

/* -- The race ------------------------------------------------------------------------------------------------------ */

/* Whether the socket has a local port, which each attempt would need for itself. */
static bool has_port_locked(const struct apm__channel *channel)
{
    apm_endpoint local;
    return channel->bound &&
           (apm__os_socket_local_endpoint(channel->descriptor, &local) != APM_ERROR_SUCCESS || local.port != 0);
}

void apm__connect_race_prepare_locked(struct apm__channel *channel, struct apm__operation *operation)
{
    struct apm__connect_plan *plan = operation->plan;
    struct apm__connect_race *race = plan->race;
    bool raced = race && plan->count > 1 && channel->type == APM_SOCKET_TYPE_STREAM && !has_port_locked(channel) &&
                 channel->connect_attempt_delay_ms >= 0 &&
                 apm__alarm_admit(operation->pool, &race->alarm) == APM_ERROR_SUCCESS;
    if (!raced) {
        plan->race = NULL;
        return;
    }
    apm__connect_plan_interleave(plan);
    race->alarm.expire = expire;
    race->operation = operation;
    race->delay_ns = (uint64_t)channel->connect_attempt_delay_ms * ms_ns;
    race->attempts[0].descriptor = APM__OS_NO_SOCKET;
    race->attempt_count = 1;
}

static bool is_any_pending(const struct apm__connect_race *race)
{
    for (size_t i = 0; i < race->attempt_count; i++)
        if (race->attempts[i].pending)
            return true;
    return false;
}

void apm__connect_race_extend_locked(struct apm__channel *channel, struct apm__operation *operation)
{
    struct apm__connect_race *race = operation->plan->race;
    if (race->next == operation->plan->count || !is_any_pending(race))
        return;
    uint64_t now_ns = apm__os_monotonic_ns();
    if (now_ns < race->next_ns)
        return;
    apm__os_socket descriptor;
    if (apm__outcome_create_sibling_locked(channel, &descriptor) != APM_ERROR_SUCCESS) {
        race->next_ns = now_ns + race->delay_ns; /* there may be a descriptor by then, or one that has failed */
        return;
    }
    race->attempts[race->attempt_count++] = (struct apm__connect_attempt){.descriptor = descriptor};
}

/* Starts or continues a pending attempt. True if it has connected, and so has won. */
static bool goes_through(struct apm__operation *operation, size_t which, apm__os_socket own, bool is_ipv6)
{
    struct apm__connect_race *race = operation->plan->race;
    struct apm__connect_attempt *attempt = &race->attempts[which];
    apm_endpoint remote = operation->plan->endpoints[attempt->endpoint];
    bool map = is_ipv6 && remote.address.family == APM_ADDRESS_FAMILY_INTER_NETWORK;
    apm_error error = apm__os_socket_connect(which == 0 ? own : attempt->descriptor, remote, map);
    if (error == APM_ERROR_WOULD_BLOCK)
        return false;
    attempt->pending = false;
    if (attempt->endpoint == race->last) {
        race->error = error;
        race->native_error = apm__os_native_error();
    }
    if (error != APM_ERROR_SUCCESS)
        return false;
    race->winner = which;
    return true;
}

/* Has an attempt that is at nothing take up the next endpoint. */
static void take_up_next(struct apm__connect_race *race, struct apm__connect_attempt *attempt)
{
    attempt->endpoint = race->next++;
    attempt->pending = true;
    race->next_ns = apm__os_monotonic_ns() + race->delay_ns;
}

apm_error apm__connect_race_perform(struct apm__operation *operation, apm__os_socket own, bool is_ipv6)
{
    struct apm__connect_plan *plan = operation->plan;
    struct apm__connect_race *race = plan->race;
    /* Those that are under way come first: one of them may have won, and then nothing further is begun. */
    for (size_t i = 0; i < race->attempt_count; i++)
        if (race->attempts[i].pending && goes_through(operation, i, own, is_ipv6))
            return APM_ERROR_SUCCESS;
    for (size_t i = 0; i < race->attempt_count; i++) {
        while (!race->attempts[i].pending && race->next < plan->count) {
            take_up_next(race, &race->attempts[i]);
            if (goes_through(operation, i, own, is_ipv6))
                return APM_ERROR_SUCCESS;
        }
    }
    if (is_any_pending(race))
        return APM_ERROR_WOULD_BLOCK;
    apm__os_set_native_error(race->native_error);
    return race->error;
}

apm_error apm__connect_race_wait_locked(struct apm__channel *channel, struct apm__operation *operation)
{
    struct apm__connect_race *race = operation->plan->race;
    struct apm__watcher *watcher = apm__watcher_of(channel);
    for (size_t i = 1; i < race->attempt_count; i++) {
        if (!race->attempts[i].pending)
            continue;
        apm_error error = watcher->watch_attempt_locked(watcher, channel, &race->attempts[i]);
        if (error != APM_ERROR_SUCCESS)
            return error;
    }
    if (race->next < operation->plan->count)
        place_alarm_locked(operation);
    return APM_ERROR_SUCCESS;
}

/* -- The end ------------------------------------------------------------------------------------------------------- */

static void unwatch_locked(struct apm__channel *channel, struct apm__connect_attempt *attempt)
{
    struct apm__watcher *watcher = apm__watcher_of(channel);
    if (attempt->watched)
        watcher->unwatch_attempt_locked(watcher, attempt);
    attempt->watched = false;
}

void apm__connect_race_end_locked(struct apm__channel *channel, struct apm__operation *operation)
{
    struct apm__connect_race *race = operation->plan->race;
    if (apm__alarm_withdraw(operation->pool, &race->alarm))
        apm__operation_release(operation); /* the asking's; the runtime's is still there */
    apm__alarm_dismiss(operation->pool, &race->alarm);

    bool won = operation->error == APM_ERROR_SUCCESS;
    operation->plan->issued = race->attempts[0].pending;
    for (size_t i = 1; i < race->attempt_count; i++) {
        struct apm__connect_attempt *attempt = &race->attempts[i];
        unwatch_locked(channel, attempt);
        if (won && race->winner == i)
            operation->error = apm__outcome_install_sibling_locked(channel, attempt->descriptor);
        else
            apm__os_socket_close(attempt->descriptor);
        attempt->descriptor = APM__OS_NO_SOCKET;
    }
    if (operation->error != APM_ERROR_SUCCESS && won)
        operation->native_error = apm__os_native_error();
    race->attempt_count = 0;
}
