/*
 * A chat client in the style of SocketTools, for chat_server: inet_chat host port
 *
 * What comes from standard input is said, and what is heard is printed. The window is a target of an event queue, and
 * its messages are what InetAsyncConnectEx posts: the event in the low word of lParam, an error in the high one.
 */
#define _POSIX_C_SOURCE 200809L

#include <apm/apm.h>
#include <apm/compat/inet.h>

#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "example.h"

#define WM_SOCKET (WM_USER + 1)

static SOCKET hSocket = INVALID_SOCKET;
static text_buffer output; /* what could not be written yet */
static bool connected, input_has_ended;
static int exit_code = -1; /* -1 while it goes on */

static void end(const char *what, unsigned error)
{
    if (error != 0)
        fprintf(stderr, "%s: error %u\n", what, error);
    exit_code = error == 0 ? 0 : 1;
}

static void write_output(void)
{
    while (connected && output.size > 0) {
        INT written = InetWrite(hSocket, output.bytes, (INT)output.size);
        if (written == INET_ERROR) {
            if (InetGetLastError() != ST_ERROR_OPERATION_WOULD_BLOCK)
                end("InetWrite", LOWORD(InetGetLastError()));
            return; /* INET_EVENT_WRITE goes on */
        }
        output.size -= (size_t)written;
        memmove(output.bytes, output.bytes + written, output.size);
    }
    if (connected && input_has_ended)
        (void)InetShutdown(hSocket, INET_SHUTDOWN_WRITE);
}

/* The window procedure. */
static void on_message(const apm_event_message *message, void *context)
{
    char buffer[1024];
    INT got;

    (void)context;
    switch (LOWORD(message->l_param)) {
    case INET_EVENT_CONNECT:
        connected = HIWORD(message->l_param) == 0;
        if (!connected)
            end("InetAsyncConnectEx", HIWORD(message->l_param));
        break;
    case INET_EVENT_WRITE: write_output(); break;
    case INET_EVENT_READ:
        got = InetRead(hSocket, (LPBYTE)buffer, sizeof buffer);
        if (got > 0) {
            fwrite(buffer, 1, (size_t)got, stdout);
            fflush(stdout);
        }
        break;
    case INET_EVENT_DISCONNECT: end("Connection", HIWORD(message->l_param)); break;
    default: break;
    }
}

static void read_input(void)
{
    char buffer[1024];
    ssize_t size = read(STDIN_FILENO, buffer, sizeof buffer);

    if (size <= 0)
        input_has_ended = true;
    else if (!text_buffer_append(&output, buffer, (size_t)size))
        end("Memory", LOWORD(ST_ERROR_OUT_OF_MEMORY));
    write_output();
}

static void chat_until_end(apm_event_queue queue, int descriptor)
{
    while (exit_code < 0) {
        struct pollfd entries[] = {{.fd = descriptor, .events = POLLIN}, {.fd = STDIN_FILENO, .events = POLLIN}};

        if (poll(entries, input_has_ended ? 1 : 2, -1) < 0)
            break;
        if (entries[0].revents != 0) {
            apm_error error = apm_event_queue_pump(queue, 0, NULL);
            if (error != APM_ERROR_SUCCESS && error != APM_ERROR_WAIT_TIMEOUT)
                break;
        }
        if (!input_has_ended && entries[1].revents != 0)
            read_input();
    }
}

int main(int argc, char **argv)
{
    apm_event_queue queue;
    intptr_t descriptor;
    HWND window;
    long port;

    if (argc != 3 || !parse_number(argv[2], 1, 65535, &port)) {
        fprintf(stderr, "usage: inet_chat host port\n");
        return 2;
    }
    if (!InetInitialize(NULL, NULL) || apm_event_queue_create(0, &queue) != APM_ERROR_SUCCESS ||
        apm_event_queue_descriptor(queue, &descriptor) != APM_ERROR_SUCCESS ||
        apm_event_target_create(queue, on_message, NULL, &window) != APM_ERROR_SUCCESS)
        return 1;
    hSocket = InetAsyncConnectEx(argv[1], (UINT)port, INET_PROTOCOL_TCP, INET_TIMEOUT, INET_OPTION_DEFAULT, NULL, 0,
                                 NULL, window, WM_SOCKET);
    if (hSocket == INVALID_SOCKET)
        end("InetAsyncConnectEx", LOWORD(InetGetLastError()));
    chat_until_end(queue, (int)descriptor);
    if (hSocket != INVALID_SOCKET)
        InetDisconnect(hSocket);
    InetUninitialize();
    apm_event_queue_close(queue);
    text_buffer_free(&output);
    return exit_code < 0 ? 1 : exit_code;
}
