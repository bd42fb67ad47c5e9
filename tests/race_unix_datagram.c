/*
 * Datagrams of unix domain sockets against a receiver that has no room, again and again: none is lost, none comes
 * twice, each sender's come in order, and no sender waits for ever.
 */
#include <string.h>

#include "support.h"

enum { SENDERS = 4, PENDING = 3 };

struct datagram {
    uint32_t sender;
    uint32_t number;
};

struct sender {
    apm_socket socket;
    uint32_t next;
    struct datagram datagrams[PENDING];
    struct operation sends[PENDING];
};

static apm_socket create(void)
{
    apm_socket socket;

    CHECK_SUCCESS(
        apm_socket_create(APM_ADDRESS_FAMILY_UNIX, APM_SOCKET_TYPE_DGRAM, APM_PROTOCOL_TYPE_UNSPECIFIED, &socket));
    CHECK_SUCCESS(apm_socket_set_receive_timeout(socket, PATIENCE_MS));
    return socket;
}

static void begin(struct sender *sender, uint32_t index, size_t slot, apm_endpoint remote)
{
    sender->datagrams[slot] = (struct datagram){index, ++sender->next};
    /* To the peer, by its name or without. */
    if (sender->next % 2) {
        CHECK_SUCCESS(apm_socket_begin_send(sender->socket, &sender->datagrams[slot], sizeof(struct datagram), 0,
                                            ON_CALLBACK(&sender->sends[slot])));
    } else {
        CHECK_SUCCESS(apm_socket_begin_send_to(sender->socket, &sender->datagrams[slot], sizeof(struct datagram), 0,
                                               remote, ON_CALLBACK(&sender->sends[slot])));
    }
}

static void end(struct sender *sender, size_t slot)
{
    size_t sent;
    bool by_name = sender->datagrams[slot].number % 2 == 0;

    AWAIT(&sender->sends[slot]);
    CHECK_SUCCESS(by_name ? apm_socket_end_send_to(sender->socket, sender->sends[slot].result, &sent)
                          : apm_socket_end_send(sender->socket, sender->sends[slot].result, &sent));
    CHECK_EQ(sent, sizeof(struct datagram));
}

struct receiver {
    apm_socket socket;
    uint32_t last[SENDERS];
};

/* Takes what comes until each sender has said that it is done, by the number 0. */
static void receive_all(void *argument)
{
    struct receiver *receiver = argument;

    for (size_t done = 0; done < SENDERS;) {
        struct datagram datagram;
        size_t received;

        CHECK_SUCCESS(apm_socket_receive(receiver->socket, &datagram, sizeof datagram, 0, &received));
        CHECK_EQ(received, sizeof datagram);
        CHECK(datagram.sender < SENDERS);
        if (datagram.number == 0) {
            done++;
            continue;
        }
        CHECK_EQ(datagram.number, receiver->last[datagram.sender] + 1);
        receiver->last[datagram.sender] = datagram.number;
    }
}

TEST(senders_wait_for_room_and_nothing_is_lost)
{
    apm_endpoint local = unix_abstract_endpoint();
    struct receiver receiver = {.socket = create()};
    struct sender senders[SENDERS];
    struct thread thread;
    int64_t deadline_ms = race_deadline_ms();

    CHECK_SUCCESS(apm_socket_bind(receiver.socket, local));
    for (uint32_t i = 0; i < SENDERS; i++) {
        senders[i] = (struct sender){.socket = create()};
        CHECK_SUCCESS(apm_socket_connect(senders[i].socket, local));
        for (size_t slot = 0; slot < PENDING; slot++) {
            begin(&senders[i], i, slot, local);
        }
    }
    thread_start(&thread, receive_all, &receiver);
    do {
        for (uint32_t i = 0; i < SENDERS; i++) {
            size_t slot = senders[i].next % PENDING; /* the oldest */

            end(&senders[i], slot);
            begin(&senders[i], i, slot, local);
        }
    } while (harness_now_ms() < deadline_ms);
    for (uint32_t i = 0; i < SENDERS; i++) {
        struct datagram done = {i, 0};

        for (size_t slot = 0; slot < PENDING; slot++) {
            end(&senders[i], slot);
        }
        CHECK_SUCCESS(apm_socket_send(senders[i].socket, &done, sizeof done, 0, NULL));
    }
    thread_join(&thread);
    for (uint32_t i = 0; i < SENDERS; i++) {
        CHECK_EQ(receiver.last[i], senders[i].next);
        CHECK_SUCCESS(apm_socket_close(senders[i].socket));
    }
    CHECK_SUCCESS(apm_socket_close(receiver.socket));
}

static void close_receiver(void *argument)
{
    CHECK_SUCCESS(apm_socket_close(*(apm_socket *)argument));
}

TEST(the_end_of_the_receiver_ends_sends_that_wait_for_room)
{
    struct race race;
    apm_socket receiver = APM_NULL_HANDLE;

    race_start(&race, close_receiver, &receiver);
    while (race_goes_on(&race)) {
        apm_endpoint local = unix_abstract_endpoint();
        struct operation sends[2 * PENDING];
        apm_socket sender = create();
        size_t failed = 0;

        receiver = create();
        CHECK_SUCCESS(apm_socket_bind(receiver, local));
        CHECK_SUCCESS(apm_socket_connect(sender, local));
        CHECK_SUCCESS(apm_socket_set_blocking(sender, false));
        while (apm_socket_send(sender, "x", 1, 0, NULL) == APM_ERROR_SUCCESS) {
            continue;
        }
        for (size_t i = 0; i < PENDING; i++) {
            CHECK_SUCCESS(apm_socket_begin_send(sender, "x", 1, 0, ON_CALLBACK(&sends[i])));
        }
        race_clash(&race);
        for (size_t i = PENDING; i < 2 * PENDING; i++) {
            CHECK_SUCCESS(apm_socket_begin_send(sender, "x", 1, 0, ON_CALLBACK(&sends[i])));
        }
        race_settle(&race);
        for (size_t i = 0; i < 2 * PENDING; i++) {
            apm_error error = finish_send(sender, &sends[i], NULL);

            CHECK(error == APM_ERROR_CONNECTION_REFUSED || error == APM_ERROR_NOT_CONNECTED);
            failed += error == APM_ERROR_CONNECTION_REFUSED;
        }
        CHECK(failed <= 1); /* after the first there is no peer */
        CHECK_SUCCESS(apm_socket_close(sender));
    }
    race_stop(&race);
}

LIBRARY_TEST_MAIN()
