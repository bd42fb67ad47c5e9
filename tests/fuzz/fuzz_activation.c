/*
 * What a service manager says in the environment: three lines are LISTEN_PID, in which "me" stands for this process,
 * LISTEN_FDS and LISTEN_FDNAMES. The names are the parts of the third, and only what is a socket can be taken.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fuzz.h"

enum {
    FIRST_DESCRIPTOR = 3,
    LIMIT = 1024,
    PROBED = 12,
    SOCKET_INDEX = 700 /* beyond whatever descriptors the process has */
};

static bool is_socket_taken;

static void set_variable(const char *name, struct fuzz_input *input)
{
    struct fuzz_text text = fuzz_text_take(input);
    char process[32];

    snprintf(process, sizeof process, "%ld", (long)getpid());
    FUZZ_CHECK(setenv(name, strcmp(text.terminated, "me") == 0 ? process : text.terminated, 1) == 0);
    fuzz_text_free(&text);
}

/* What the variable says, by other means than the library's; anything that is not digits alone is 0. */
static size_t expected_count(void)
{
    const char *process = getenv("LISTEN_PID");
    const char *count = getenv("LISTEN_FDS");
    unsigned long long number;

    if (strspn(process, "0123456789") != strlen(process) || strlen(process) > 18 ||
        strtoull(process, NULL, 10) != (unsigned long long)getpid()) {
        return 0;
    }
    if (strspn(count, "0123456789") != strlen(count) || strlen(count) > 18) {
        return 0;
    }
    number = strtoull(count, NULL, 10);
    return number < LIMIT ? (size_t)number : LIMIT;
}

static void check_name(size_t index)
{
    const char *expected = getenv("LISTEN_FDNAMES");
    char *name = malloc(strlen(expected) + sizeof "unknown");
    size_t length;

    FUZZ_CHECK(name != NULL);
    for (size_t i = 0; i < index && expected != NULL; i++) {
        expected = strchr(expected, ':');
        expected = expected == NULL ? NULL : expected + 1;
    }
    expected = expected == NULL ? "unknown" : expected;
    length = strcspn(expected, ":");
    FUZZ_SUCCESS(apm_socket_activation_name(index, name, length + 1));
    FUZZ_CHECK(strlen(name) == length && strncmp(name, expected, length) == 0);
    FUZZ_CHECK(apm_socket_activation_name(index, name, length) == APM_ERROR_ARGUMENT_OUT_OF_RANGE);
    FUZZ_CHECK(length == 0 || name[0] == '\0');
    free(name);
}

/* The descriptors that the process has here are no sockets but one, which can be taken once. */
static void check_take(size_t index)
{
    apm_socket socket;
    apm_error error = apm_socket_activation_take(index, &socket);

    if (index != SOCKET_INDEX) {
        FUZZ_CHECK(error == APM_ERROR_NOT_SOCKET);
        FUZZ_CHECK(apm_socket_is_null(socket));
    } else if (is_socket_taken) {
        FUZZ_CHECK(error == APM_ERROR_INVALID_OPERATION);
    } else {
        FUZZ_SUCCESS(error);
        is_socket_taken = true;
        FUZZ_SUCCESS(apm_socket_close(socket));
    }
}

static void make_socket(void)
{
    static bool is_made;
    int descriptor;

    if (is_made) {
        return;
    }
    descriptor = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    FUZZ_CHECK(descriptor >= 0 && dup2(descriptor, FIRST_DESCRIPTOR + SOCKET_INDEX) >= 0);
    close(descriptor);
    is_made = true;
}

int FUZZ_TARGET(const uint8_t *bytes, size_t size)
{
    struct fuzz_input input = {bytes, size};
    apm_socket socket;
    char name[1];
    size_t count;

    make_socket();
    set_variable("LISTEN_PID", &input);
    set_variable("LISTEN_FDS", &input);
    set_variable("LISTEN_FDNAMES", &input);
    count = apm_socket_activation_count();
    FUZZ_CHECK(count == expected_count());
    for (size_t i = 0; i < count && i < PROBED; i++) {
        check_name(i);
        check_take(i);
    }
    if (count > SOCKET_INDEX) {
        check_name(SOCKET_INDEX);
        check_take(SOCKET_INDEX);
    }
    FUZZ_CHECK(apm_socket_activation_name(count, name, sizeof name) == APM_ERROR_ARGUMENT_OUT_OF_RANGE);
    FUZZ_CHECK(apm_socket_activation_take(count, &socket) == APM_ERROR_ARGUMENT_OUT_OF_RANGE);
    return 0;
}
