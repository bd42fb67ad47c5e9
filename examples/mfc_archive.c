/*
 * A CSocket program in C: two archives over a connection exchange what MFC's would, in MFC's format.
 */
#include <apm/apm.h>
#include <apm/compat/blocking_socket.h>
#include <apm/compat/socket_file.h>

#include <stdio.h>

static int fail(const char *what)
{
    fprintf(stderr, "%s: error %d\n", what, apm_async_socket_get_last_error());
    return 1;
}

/* CSocketFile file(&socket); CArchive ar(&file, CArchive::store); ar << (WORD)7 << CString("..."); ar.Close(); */
static apm_archive_cause store_message(apm_blocking_socket *socket)
{
    apm_socket_file file;
    apm_socket_file_initialize(&file, socket, true);
    apm_archive_file archive_file = apm_socket_file_archive_file(&file);
    apm_archive *archive;

    if (apm_archive_create(&archive_file, APM_ARCHIVE_STORE, 0, &archive) != APM_ERROR_SUCCESS)
        return APM_ARCHIVE_GENERIC;
    apm_archive_write_word(archive, 7);
    apm_archive_write_string(archive, "Gr\xc3\xbc\xc3\x9f Gott");
    apm_archive_write_double(archive, 0.5);
    return apm_archive_close(archive); /* says whether anything has failed */
}

/* CArchive ar(&file, CArchive::load); ar >> number >> text >> half; */
static apm_archive_cause load_message(apm_blocking_socket *socket)
{
    apm_socket_file file;
    apm_socket_file_initialize(&file, socket, true);
    apm_archive_file archive_file = apm_socket_file_archive_file(&file);
    apm_archive *archive;
    uint16_t number;
    char *text;
    double half;

    if (apm_archive_create(&archive_file, APM_ARCHIVE_LOAD, 0, &archive) != APM_ERROR_SUCCESS)
        return APM_ARCHIVE_GENERIC;
    apm_archive_read_word(archive, &number);
    apm_archive_read_string(archive, &text, NULL);
    apm_archive_read_double(archive, &half);
    if (apm_archive_failure(archive) == APM_ARCHIVE_NONE)
        printf("%d, %s, %.1f\n", number, text, half);
    apm_archive_free(text);
    return apm_archive_close(archive);
}

int main(void)
{
    apm_blocking_socket listener, server, client;
    apm_event_queue queue;
    apm_endpoint local;

    if (apm_event_queue_create(0, &queue) != APM_ERROR_SUCCESS)
        return 1;
    apm_blocking_socket_initialize(&listener, queue, NULL, NULL);
    apm_blocking_socket_initialize(&server, queue, NULL, NULL);
    apm_blocking_socket_initialize(&client, queue, NULL, NULL);
    if (!apm_blocking_socket_create(&listener, 0, APM_SOCKET_TYPE_STREAM, "127.0.0.1") ||
        !apm_async_socket_listen(&listener.base, 5) || !apm_async_socket_get_sock_name(&listener.base, &local))
        return fail("Listen");
    if (!apm_blocking_socket_create(&client, 0, APM_SOCKET_TYPE_STREAM, NULL) ||
        !apm_blocking_socket_connect(&client, "127.0.0.1", local.port)) /* waits, and pumps the queue */
        return fail("Connect");
    if (!apm_blocking_socket_accept(&listener, &server, NULL))
        return fail("Accept");

    apm_archive_cause cause = store_message(&client);
    if (cause == APM_ARCHIVE_NONE)
        cause = load_message(&server);
    if (cause != APM_ARCHIVE_NONE)
        fprintf(stderr, "archive: cause %d\n", cause);
    apm_blocking_socket_destroy(&client);
    apm_blocking_socket_destroy(&server);
    apm_blocking_socket_destroy(&listener);
    apm_event_queue_close(queue);
    return cause == APM_ARCHIVE_NONE ? 0 : 1;
}
