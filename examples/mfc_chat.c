/*
 * A chat client in the style of CAsyncSocket, for chat_server: mfc_chat host port
 *
 * What comes from standard input is said, and what is heard is printed. It has one thread, whose event loop is poll
 * over standard input and the descriptor of the event queue, as it would be that of a program with windows. The end of
 * input ends the sending direction, and the end of the connection the program.
 */
#define _POSIX_C_SOURCE 200809L

#include <apm/apm.h>
#include <apm/compat/async_socket.h>

#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "example.h"

/* class CChatSocket : public CAsyncSocket: the base comes first. */
typedef struct chat_socket {
    apm_async_socket base;
    text_buffer output; /* what could not be sent yet */
    bool is_connected;
    bool input_has_ended;
    int exit_code; /* -1 while it goes on */
} chat_socket;

static void end(chat_socket *chat, const char *what, int error)
{
    if (error != 0)
        fprintf(stderr, "%s: error %d\n", what, error);
    chat->exit_code = error == 0 ? 0 : 1;
    apm_async_socket_close(&chat->base);
}

/* Sends as much as goes; on_send calls it again when more does. */
static void send_output(chat_socket *chat)
{
    while (chat->is_connected && chat->output.size > 0) {
        int size = chat->output.size < 4096 ? (int)chat->output.size : 4096;
        int sent = apm_async_socket_send(&chat->base, chat->output.bytes, size, 0);
        if (sent < 0) {
            if (apm_async_socket_get_last_error() != APM_WSAEWOULDBLOCK)
                end(chat, "Send", apm_async_socket_get_last_error());
            return;
        }
        chat->output.size -= (size_t)sent;
        memmove(chat->output.bytes, chat->output.bytes + sent, chat->output.size);
    }
    if (chat->is_connected && chat->input_has_ended)
        (void)apm_async_socket_shut_down(&chat->base, APM_SOCKET_SHUTDOWN_SEND);
}

static void on_connect(apm_async_socket *socket, int error)
{
    chat_socket *chat = (chat_socket *)(void *)socket;

    if (error != 0) {
        end(chat, "Connect", error);
        return;
    }
    chat->is_connected = true;
    send_output(chat);
}

static void on_send(apm_async_socket *socket, int error)
{
    (void)error;
    send_output((chat_socket *)(void *)socket);
}

static void on_receive(apm_async_socket *socket, int error)
{
    char buffer[1024];
    int received = apm_async_socket_receive(socket, buffer, sizeof buffer, 0);

    (void)error; /* on_close has it */
    if (received > 0) {
        fwrite(buffer, 1, (size_t)received, stdout);
        fflush(stdout);
    }
}

/* All that was received has been read: nothing of the last words is lost. */
static void on_close(apm_async_socket *socket, int error)
{
    end((chat_socket *)(void *)socket, "Close", error);
}

static const apm_async_socket_handlers chat_handlers = {
    .on_connect = on_connect, .on_send = on_send, .on_receive = on_receive, .on_close = on_close};

static void read_input(chat_socket *chat)
{
    char buffer[1024];
    ssize_t size = read(STDIN_FILENO, buffer, sizeof buffer);

    if (size <= 0)
        chat->input_has_ended = true;
    else if (!text_buffer_append(&chat->output, buffer, (size_t)size))
        end(chat, "Memory", APM_WSAENOBUFS);
    send_output(chat);
}

static void chat_until_end(chat_socket *chat, apm_event_queue queue, int descriptor)
{
    while (chat->exit_code < 0) {
        struct pollfd entries[] = {{.fd = descriptor, .events = POLLIN}, {.fd = STDIN_FILENO, .events = POLLIN}};

        if (poll(entries, chat->input_has_ended ? 1 : 2, -1) < 0)
            break;
        if (entries[0].revents != 0) {
            apm_error error = apm_event_queue_pump(queue, 0, NULL);
            if (error != APM_ERROR_SUCCESS && error != APM_ERROR_WAIT_TIMEOUT)
                break;
        }
        if (!chat->input_has_ended && entries[1].revents != 0)
            read_input(chat);
    }
}

int main(int argc, char **argv)
{
    chat_socket chat = {.exit_code = -1};
    apm_event_queue queue;
    intptr_t descriptor;
    long port;

    if (argc != 3 || !parse_number(argv[2], 1, 65535, &port)) {
        fprintf(stderr, "usage: mfc_chat host port\n");
        return 2;
    }
    if (apm_event_queue_create(0, &queue) != APM_ERROR_SUCCESS ||
        apm_event_queue_descriptor(queue, &descriptor) != APM_ERROR_SUCCESS)
        return 1;
    apm_async_socket_initialize(&chat.base, queue, &chat_handlers, NULL);
    if (!apm_async_socket_create(&chat.base, 0, APM_SOCKET_TYPE_STREAM, APM_FD_ALL, NULL))
        end(&chat, "Create", apm_async_socket_get_last_error());
    else if (!apm_async_socket_connect(&chat.base, argv[1], (int)port) &&
             apm_async_socket_get_last_error() != APM_WSAEWOULDBLOCK)
        end(&chat, "Connect", apm_async_socket_get_last_error());
    chat_until_end(&chat, queue, (int)descriptor);
    apm_async_socket_destroy(&chat.base);
    apm_event_queue_close(queue);
    text_buffer_free(&chat.output);
    return chat.exit_code < 0 ? 1 : chat.exit_code;
}
