/*
 * An actor of name look-ups: they end, with the addresses of the name or as they may fail, also when they are cancelled
 * while the system still looks.
 */
#include "workload.h"

#include <string.h>

struct lookup {
    const char *name;
    size_t addresses; /* 0: it fails */
    apm_error error;
};

static const struct lookup lookups[] = {
    {"one.test", 1, APM_ERROR_SUCCESS},     {"six.test", 1, APM_ERROR_SUCCESS},
    {"both.test", 2, APM_ERROR_SUCCESS},    {"slow.test", 1, APM_ERROR_SUCCESS},
    {"again.test", 0, APM_ERROR_TRY_AGAIN}, {"none.test", 0, APM_ERROR_HOST_NOT_FOUND},
};

enum { LOOKUPS = sizeof lookups / sizeof lookups[0], MOST_PENDING = 12 };

static apm_error end_addresses(struct actor_operation *operation)
{
    const struct lookup *lookup = operation->owner;
    apm_host_entry *entry;
    apm_error error = apm_dns_end_get_host_addresses(operation->result, &entry);
    SIM_CHECK((error == APM_ERROR_SUCCESS) == (entry != NULL));
    if (entry) {
        SIM_CHECK(entry->address_count == lookup->addresses);
        apm_host_entry_free(entry);
    }
    return error;
}

void actor_names(void *unused)
{
    struct actor_operation *pending[MOST_PENDING];
    uint32_t count = 1 + sim_random(MOST_PENDING);
    (void)unused;
    for (uint32_t i = 0; i < count; i++) {
        struct actor_operation *operation = pending[i] = actor_operation(end_addresses, (apm_socket){0}, 0);
        apm_async_callback *callback = actor_callback(operation);
        operation->owner = (void *)(uintptr_t)&lookups[sim_random(LOOKUPS)];
        const struct lookup *lookup = operation->owner;
        apm_error error = apm_dns_begin_get_host_addresses(lookup->name, callback, operation, &operation->result);
        SIM_CHECK(error == APM_ERROR_SUCCESS);
        drawer_put(operation);
        actor_pause(200);
    }
    for (uint32_t i = 0; i < count; i++) {
        const struct lookup *lookup = pending[i]->owner;
        actor_finish(pending[i]);
        SIM_CHECK(pending[i]->error == lookup->error ||
                  (pending[i]->disturbed && actor_is_disturbance(pending[i]->error)));
    }
}
