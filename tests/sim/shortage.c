/*
 * When something runs out. See shortage.h. It comes in waves: for a while nothing is missing, and for a while much is.
 */
#include "shortage.h"

#include "machine.h"

static bool is_short;
static bool has_been_short;          /* what is told later may have failed then */
static uint32_t odds[SIM_RESOURCES]; /* 0: it never runs out */
static bool is_wave;
static uint64_t wave_end_ns;

void sim_shortage_begin(void)
{
    static const uint32_t drawn[] = {0, 2, 5, 20, 100};
    for (int i = 0; i < SIM_RESOURCES; i++)
        odds[i] = drawn[sim_random(5)];
    is_short = has_been_short = true;
    wave_end_ns = 0;
}

void sim_shortage_end(void)
{
    is_short = false;
}

bool sim_runs_out(enum sim_resource resource)
{
    if (!is_short || odds[resource] == 0)
        return false;
    if (sim_now_ns() >= wave_end_ns) {
        is_wave = sim_one_in(2);
        wave_end_ns = sim_now_ns() + sim_random(20 * (uint32_t)SIM_MS);
    }
    if (!is_wave || !sim_one_in(odds[resource]))
        return false;
    sim_trace("runs out of %s", resource == SIM_MEMORY        ? "memory"
                                : resource == SIM_DESCRIPTORS ? "descriptors"
                                : resource == SIM_THREADS     ? "threads"
                                                              : "registrations");
    return true;
}

bool actor_is_shortage(apm_error error)
{
    return has_been_short && (error == APM_ERROR_OUT_OF_MEMORY || error == APM_ERROR_TOO_MANY_OPEN_SOCKETS ||
                              error == APM_ERROR_NO_BUFFER_SPACE_AVAILABLE);
}
