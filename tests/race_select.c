/*
 * Poll and Select against what ends their wait: data, the close of the socket, and the end of its connection.
 */
#include "support.h"

/* Both sides of a round. */
struct round {
    peered_socket pair;
    bool closes; /* or writes */
};

static void end_wait(void *argument)
{
    struct round *round = argument;

    if (round->closes) {
        CHECK_SUCCESS(apm_socket_close(round->pair.socket));
    } else {
        raw_write(round->pair.peer, "x", 1);
    }
}

/* No wait may miss its end: each has no limit, and the harness's watchdog ends a test that hangs. */
static void race_poll(bool select)
{
    struct race race;
    struct round round = {.closes = false};

    race_start(&race, end_wait, &round);
    while (race_goes_on(&race)) {
        bool ready = false;
        size_t count = 1;

        round.pair = peered_socket_create();
        round.closes = race.rounds % 2 == 0;
        apm_socket list[1] = {round.pair.socket};
        race_clash(&race);
        apm_error error = select ? apm_socket_select(list, &count, NULL, NULL, NULL, NULL, -1)
                                 : apm_socket_poll(list[0], -1, APM_SELECT_MODE_SELECT_READ, &ready);
        race_settle(&race);
        if (error == APM_ERROR_SUCCESS) {
            CHECK(select ? count == 1 : ready);
        } else {
            CHECK(round.closes);
            CHECK_ERROR(error, APM_ERROR_OBJECT_DISPOSED);
        }
        if (!round.closes) {
            receive_exactly(list[0], &(char){0}, 1);
            CHECK_SUCCESS(apm_socket_close(list[0]));
        }
        CHECK_ORDERLY_END(round.pair.peer, 0);
        raw_close(round.pair.peer);
    }
    race_stop(&race);
}

TEST(a_poll_never_misses_data_or_the_close_of_its_socket)
{
    race_poll(false);
}

TEST(a_select_never_misses_data_or_the_close_of_its_socket)
{
    race_poll(true);
}

static void disconnect(void *argument)
{
    struct round *round = argument;

    CHECK_SUCCESS(apm_socket_disconnect(round->pair.socket, true));
}

TEST(a_poll_sees_a_disconnect_that_replaces_the_descriptor)
{
    struct race race;
    struct round round = {.closes = false};

    race_start(&race, disconnect, &round);
    while (race_goes_on(&race)) {
        bool ready = false;

        round.pair = peered_socket_create();
        race_clash(&race);
        CHECK_SUCCESS(apm_socket_poll(round.pair.socket, -1, APM_SELECT_MODE_SELECT_READ, &ready));
        CHECK(ready); /* the connection has ended, or the new descriptor is not connected */
        race_settle(&race);
        peered_socket_close(round.pair);
    }
    race_stop(&race);
}

LIBRARY_TEST_MAIN()
