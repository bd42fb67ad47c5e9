/*
 * Engines of TLS and peers that do it wrong. The first byte says how: the rest of the input is what a peer sends to a
 * client or to a server; or two engines shake hands and exchange data, and the input says which bytes between them are
 * changed, left out, sent twice, or are the last ones.
 *
 * Whatever comes, an engine ends its calls, what has failed stays so, and data that is read is data that was written.
 */
#include "tls_engine.h"

#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "support_certificates.h"

enum { WIRE_SIZE = 1 << 16, ROUNDS = 40, CALLS = 4 * WIRE_SIZE, MESSAGE_SIZE = 40, CHANGES = 8 };

static const uint8_t said[MESSAGE_SIZE] = "what is written has to be what is read";

static struct apm__tls_config *configs[2]; /* a client's, a server's: made once, for they never change */

struct change {
    unsigned at; /* which byte that the end is sent */
    uint8_t kind;
    uint8_t value;
};

struct end {
    struct apm__tls_engine *engine;
    uint8_t wire[WIRE_SIZE]; /* what the peer has sent, as it arrives */
    size_t from;
    size_t to;
    size_t sent; /* before it was changed */
    bool ended;
    bool failed;
    bool open;
    uint8_t message[MESSAGE_SIZE];
    size_t read;
    struct change changes[CHANGES];
};

static struct end ends[2];

static bool accept_all(void *context, const struct apm__tls_verdict *verdict)
{
    (void)context;
    (void)verdict;
    return true;
}

static struct apm__tls_bytes bytes_of(const char *text)
{
    return (struct apm__tls_bytes){text, strlen(text)};
}

static bool make_configs(void)
{
    static struct apm__tls_certificate *own;
    static struct apm__tls_certificate *roots;
    struct apm__tls_bytes none = {NULL, 0};

    if (configs[1]) {
        return true;
    }
    if (apm__tls_certificate_create(bytes_of(server_certificate), bytes_of(server_key), NULL, &own)) {
        return false; /* the library was built without TLS */
    }
    FUZZ_SUCCESS(apm__tls_certificate_create(bytes_of(authority_certificate), none, NULL, &roots));
    for (int i = 0; i < 2; i++) {
        struct apm__tls_policy policy = {
            .is_server = i == 1, .own = own, .roots = roots, .asks_for_certificate = i == 1};

        FUZZ_SUCCESS(apm__tls_config_create(&policy, &configs[i]));
    }
    return true;
}

/* Puts one byte onto the wire of an end, as the input has it. */
static void send_byte(struct end *to, uint8_t byte)
{
    unsigned copies = 1;

    for (int i = 0; i < CHANGES; i++) {
        const struct change *change = &to->changes[i];

        if (change->at == 0 || change->at - 1 != to->sent) {
            continue;
        }
        switch (change->kind % 4) {
        case 0: byte ^= change->value; break;
        case 1: copies = 0; break;
        case 2: copies = 2; break;
        default: to->ended = true; break;
        }
    }
    to->sent++;
    for (; copies > 0 && !to->ended && to->to < WIRE_SIZE; copies--) {
        to->wire[to->to++] = byte;
    }
}

/* Takes what an end has made to its peer, and gives it what has come; false if nothing has. */
static bool carry(int i)
{
    const void *records;
    size_t size = apm__tls_engine_take_records(ends[i].engine, &records);

    for (size_t at = 0; at < size; at++) {
        send_byte(&ends[!i], ((const uint8_t *)records)[at]);
    }
    if (apm__tls_engine_unread(ends[i].engine) == 0 && ends[i].from < ends[i].to) {
        apm__tls_engine_put_records(ends[i].engine, ends[i].wire + ends[i].from, ends[i].to - ends[i].from);
        ends[i].from = ends[i].to;
        return true;
    }
    if (ends[i].ended) {
        apm__tls_engine_end_records(ends[i].engine);
    }
    return size > 0;
}

/* An engine's next step, whatever it is. */
static enum apm__tls_progress step(struct end *end)
{
    size_t size;
    enum apm__tls_progress progress;

    if (!end->open) {
        progress = apm__tls_engine_handshake(end->engine);
        if (progress == APM__TLS_DONE) {
            end->open = true;
            progress = apm__tls_engine_write(end->engine, said, sizeof said, &size);
            FUZZ_CHECK(progress != APM__TLS_DONE || size == sizeof said);
        }
        return progress;
    }
    progress = apm__tls_engine_read(end->engine, end->message + end->read, MESSAGE_SIZE - end->read, &size);
    FUZZ_CHECK(size <= MESSAGE_SIZE - end->read);
    FUZZ_CHECK(memcmp(end->message + end->read, said + end->read, size) == 0);
    end->read += size;
    return progress;
}

static void work(struct end *end, int i)
{
    const char *text;

    for (int calls = 0;; calls++) {
        FUZZ_CHECK(calls < CALLS);
        enum apm__tls_progress progress = step(end);
        FUZZ_CHECK(!end->failed || progress == APM__TLS_FAILED);
        end->failed = progress == APM__TLS_FAILED;
        if (end->failed) {
            FUZZ_CHECK(apm__tls_engine_error(end->engine, &text) != APM_ERROR_SUCCESS);
            FUZZ_CHECK(text[0] != '\0');
        }
        bool moved = carry(i);
        bool goes_on = progress == APM__TLS_NEEDS_INPUT || progress == APM__TLS_NEEDS_ROOM ||
                       (progress == APM__TLS_DONE && end->read < MESSAGE_SIZE);
        if (!goes_on || !moved) {
            return;
        }
    }
}

int FUZZ_TARGET(const uint8_t *bytes, size_t size)
{
    struct fuzz_input input = {bytes, size};
    unsigned mode = fuzz_byte(&input);

    if (!make_configs()) {
        return 0;
    }
    memset(ends, 0, sizeof ends);
    for (int i = 0; i < 2; i++) {
        struct apm__tls_engine_origin origin = {
            .config = configs[i], .target_host = "test.local", .accept = accept_all};

        FUZZ_SUCCESS(apm__tls_engine_create(&origin, &ends[i].engine));
    }
    if (mode % 4 < 2) { /* bytes for a client, or for a server, and the end */
        struct end *end = &ends[mode % 4];

        while (input.left > 0) {
            send_byte(end, fuzz_byte(&input));
        }
        end->ended = true;
        work(end, (int)(mode % 4));
        work(end, (int)(mode % 4));
    } else {
        for (int i = 0; i < CHANGES && input.left > 0; i++) {
            struct change change = {.at = fuzz_number(&input) % 4096 + 1};

            change.kind = fuzz_byte(&input);
            change.value = fuzz_byte(&input);
            ends[change.kind >> 7].changes[i] = change;
        }
        for (int round = 0; round < ROUNDS; round++) {
            work(&ends[round & 1], round & 1);
        }
        FUZZ_CHECK(size > 1 || (ends[0].read == MESSAGE_SIZE && ends[1].read == MESSAGE_SIZE));
    }
    apm__tls_engine_destroy(ends[0].engine);
    apm__tls_engine_destroy(ends[1].engine);
    return 0;
}
