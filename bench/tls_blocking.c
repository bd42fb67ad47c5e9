/*
 * The main program of the TLS servers that block: see tls_server.h. Threads share nothing but the listening socket and
 * what the peer has made.
 */
#define _GNU_SOURCE 1
#include "echo_server.h"
#include "tls_server.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static int listener;

static void *serve(void *unused)
{
    unsigned char *buffer = malloc(TLS_BUFFER_BYTES);
    (void)unused;
    while (buffer != NULL) {
        int accepted = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
        if (accepted < 0)
            continue;
        tls_peer_serve(accepted, buffer);
        close(accepted);
    }
    return NULL;
}

int main(int argument_count, char **arguments)
{
    struct tls_arguments asked = tls_arguments_parse(argument_count, arguments);
    /* One socket for all, so to the socket there is one worker. */
    struct echo_server server = {.port = asked.port, .workers = 1};
    tls_peer_start(&asked);
    listener = echo_server_listen(&server);
    fcntl(listener, F_SETFL, fcntl(listener, F_GETFL) & ~O_NONBLOCK);
    for (int i = 1; i < asked.workers; i++) {
        pthread_t thread;
        if (pthread_create(&thread, NULL, serve, NULL) != 0)
            return EXIT_FAILURE;
    }
    echo_server_announce(&server);
    serve(NULL);
    return EXIT_FAILURE;
}
