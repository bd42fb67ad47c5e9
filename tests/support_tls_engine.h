/*
 * What the unit tests of the engine of TLS share: two engines without sockets, whose records are carried from one to
 * the other in memory, cut into pieces of any size. In a library that was built without TLS these skip the test.
 */
#ifndef APM_TESTS_SUPPORT_TLS_ENGINE_H
#define APM_TESTS_SUPPORT_TLS_ENGINE_H

#include "harness.h"
#include "tls_engine.h"

/* -- Two engines --------------------------------------------------------------------------------------------------- */

/* What an end has been asked about its peer. */
struct judge {
    unsigned asked;
    bool accepts_errors;
    apm_ssl_policy_errors errors;
    apm_x509_chain_status_flags status;
    bool had_certificate;
    void (*meanwhile)(void); /* done while it is asked; or NULL */
};

struct end {
    struct apm__tls_engine *engine;
    struct judge judge;
    uint8_t wire[1 << 18]; /* from the peer, not handed over yet */
    size_t from;
    size_t to;
    uint8_t piece[20000]; /* what has been handed over: the engine borrows it */
};

struct pair {
    struct end ends[2]; /* the client, the server */
    size_t cut;         /* the largest piece; 0: any, by chance */
    uint64_t random;
};

struct apm__tls_bytes bytes_of(const char *text);

/* A certificate, and its key if that is not NULL. */
struct apm__tls_certificate *certificate_of(const char *certificate, const char *key);

struct pair *pair_create(struct apm__tls_config *client, struct apm__tls_config *server, const char *host, size_t cut);
void pair_destroy(struct pair *pair);

/* Puts what an end has to send onto the wire of the other. */
void collect(struct pair *pair, int sender);

/* Hands the next piece over, if the engine has read the one before; false if there is nothing on the wire. */
bool deliver(struct pair *pair, int receiver);

/* Both ends until neither goes on; and so that both have to succeed. */
void shake_hands(struct pair *pair, enum apm__tls_progress progress[2]);
void shake_hands_well(struct pair *pair);

/* Reads exactly that much at one end; writes all of it at one. */
void read_all(struct pair *pair, int receiver, uint8_t *buffer, size_t size);
void write_all(struct pair *pair, int sender, const uint8_t *data, size_t size);

/* -- Configurations ------------------------------------------------------------------------------------------------ */

struct world {
    struct apm__tls_certificate *authority;
    struct apm__tls_certificate *own;
    struct apm__tls_config *client;
    struct apm__tls_config *server;
    struct pair *pair;
};

struct apm__tls_config *config_of(struct apm__tls_policy policy);

/* A pair with that certificate of the server; policies without roots have the test's authority. */
struct world world_create_of(const char *certificate, const char *key, struct apm__tls_policy client,
                             struct apm__tls_policy server, const char *host, size_t cut);

/* One with nothing but the server's certificate for test.local. */
struct world world_create(size_t cut);
void world_destroy(struct world *world);

#endif
