/*
 * The calls of a program that take a socket.
 */
#include <stdlib.h>
#include <string.h>

#include "api.h"

/* -- Making and closing -------------------------------------------------------------------------------------------- */

static void create(struct api_program *program)
{
    static const struct {
        apm_address_family family;
        apm_socket_type type;
    } kinds[] = {
        {APM_ADDRESS_FAMILY_INTER_NETWORK, APM_SOCKET_TYPE_STREAM},
        {APM_ADDRESS_FAMILY_INTER_NETWORK, APM_SOCKET_TYPE_DGRAM},
        {APM_ADDRESS_FAMILY_INTER_NETWORK_V6, APM_SOCKET_TYPE_STREAM},
        {APM_ADDRESS_FAMILY_UNIX, APM_SOCKET_TYPE_STREAM},
        {APM_ADDRESS_FAMILY_INTER_NETWORK_V6, APM_SOCKET_TYPE_DGRAM},
    };
    apm_socket *place = api_socket_place(program);
    uint8_t choice = fuzz_byte(&program->input);
    size_t kind = choice % (sizeof kinds / sizeof kinds[0]);
    apm_socket socket;

    if (apm_socket_create_on_pool(program->pool, kinds[kind].family, kinds[kind].type, APM_PROTOCOL_TYPE_UNSPECIFIED,
                                  &socket) == APM_ERROR_SUCCESS) {
        api_put_socket(place, socket);
    }
}

/* Two sockets that are connected, or are about to be: a listener, an accept and a connect are begun. */
static void create_pair(struct api_program *program)
{
    apm_socket listener = program->sockets[0];
    apm_socket *place = api_socket_place(program);
    struct api_operation *operation = api_prepare(program, API_CONNECT, 0, 0);
    apm_endpoint endpoint;
    apm_socket socket;
    apm_error error;

    if (operation == NULL) {
        return;
    }
    operation->result.bits = 0;
    FUZZ_SUCCESS(
        apm_socket_create(APM_ADDRESS_FAMILY_INTER_NETWORK, APM_SOCKET_TYPE_STREAM, APM_PROTOCOL_TYPE_TCP, &socket));
    api_put_socket(place, socket);
    operation->owner = socket.bits;
    error = apm_socket_local_endpoint(listener, &endpoint);
    if (error == APM_ERROR_SUCCESS && endpoint.port != 0) {
        error = apm_socket_begin_connect(socket, endpoint, api_callback(operation), operation, &operation->result);
    } else {
        error = APM_ERROR_ARGUMENT;
    }
    api_begun(program, operation, error);
    if (error == APM_ERROR_SUCCESS && (operation = api_prepare(program, API_ACCEPT, listener.bits, 0)) != NULL) {
        operation->mode = API_NO_CALLBACK;
        error = apm_socket_begin_accept(listener, NULL, NULL, &operation->result);
        api_begun(program, operation, error);
    }
}

static void close_socket(struct api_program *program)
{
    apm_socket socket = api_socket(program);
    apm_error error;

    switch (fuzz_byte(&program->input) % 4) {
    case 0: error = apm_socket_close_timeout(socket, api_timeout_ms(program)); break;
    case 1: error = apm_socket_close_and_wait(socket, api_timeout_ms(program)); break;
    default: error = apm_socket_close(socket); break;
    }
    (void)error;
}

static void bind_and_listen(struct api_program *program)
{
    apm_socket socket = api_socket(program);
    apm_endpoint endpoint = api_endpoint(program);
    uint8_t choice = fuzz_byte(&program->input);

    if (apm_socket_bind(socket, endpoint) == APM_ERROR_SUCCESS && choice % 4 != 0) {
        apm_error error = apm_socket_listen(socket, choice);

        (void)error;
    }
}

static void shut_down(struct api_program *program)
{
    apm_socket socket = api_socket(program);
    apm_error error = apm_socket_shutdown(socket, (apm_socket_shutdown_how)(fuzz_byte(&program->input) % 4));

    (void)error;
}

/* -- Beginning ----------------------------------------------------------------------------------------------------- */

/* What the Begins below have in common: a socket, a record with a buffer, and their call between. */
#define BEGIN(kind, bytes, call)                                                          \
    do {                                                                                  \
        apm_socket socket = api_socket(program);                                          \
        struct api_operation *operation = api_prepare(program, kind, socket.bits, bytes); \
        if (operation != NULL) {                                                          \
            operation->result.bits = 1;                                                   \
            api_begun(program, operation, call);                                          \
        }                                                                                 \
    } while (0)

#define RESULT api_callback(operation), operation, &operation->result

static void begin_accept(struct api_program *program)
{
    BEGIN(API_ACCEPT, 0, apm_socket_begin_accept(socket, RESULT));
}

static void begin_accept_receive(struct api_program *program)
{
    BEGIN(API_ACCEPT_RECEIVE, api_size(program),
          apm_socket_begin_accept_receive(socket, operation->buffer, operation->size, RESULT));
}

static void begin_accept_socket(struct api_program *program)
{
    apm_socket accepting = api_socket(program);

    BEGIN(API_ACCEPT_RECEIVE, 0, apm_socket_begin_accept_socket(socket, accepting, operation->buffer, 0, RESULT));
}

static void begin_connect(struct api_program *program)
{
    apm_endpoint endpoint = api_endpoint(program);

    BEGIN(API_CONNECT, 0, apm_socket_begin_connect(socket, endpoint, RESULT));
}

static void begin_connect_endpoints(struct api_program *program)
{
    apm_endpoint endpoints[2];

    endpoints[0] = api_endpoint(program);
    endpoints[1] = api_endpoint(program);
    BEGIN(API_CONNECT, 0, apm_socket_begin_connect_endpoints(socket, endpoints, 2, RESULT));
}

static void begin_connect_host(struct api_program *program)
{
    apm_endpoint endpoint = api_endpoint(program);
    const char *host = fuzz_byte(&program->input) % 2 == 0 ? "127.0.0.1" : "::1";

    BEGIN(API_CONNECT, 0, apm_socket_begin_connect_host(socket, host, endpoint.port, RESULT));
}

static void begin_disconnect(struct api_program *program)
{
    bool reuse = fuzz_byte(&program->input) % 2 == 0;

    BEGIN(API_DISCONNECT, 0, apm_socket_begin_disconnect(socket, reuse, RESULT));
}

static void begin_receive(struct api_program *program)
{
    apm_socket_flags flags = api_flags(program);

    BEGIN(API_RECEIVE, api_size(program),
          apm_socket_begin_receive(socket, operation->buffer, operation->size, flags, RESULT));
}

static void begin_send(struct api_program *program)
{
    apm_socket_flags flags = api_flags(program);

    BEGIN(API_SEND, api_size(program),
          apm_socket_begin_send(socket, operation->buffer, operation->size, flags, RESULT));
}

/* The operation's buffer in pieces. */
static void cut(struct api_program *program, const struct api_operation *operation, apm_array_segment *segments)
{
    size_t from = 0;

    for (size_t i = 0; i < API_SEGMENTS; i++) {
        size_t left = operation->size - from;
        size_t size = i + 1 == API_SEGMENTS ? left : fuzz_number(&program->input) % (left + 1);

        segments[i] = (apm_array_segment){(char *)operation->buffer + from, size};
        from += size;
    }
}

static void begin_receive_buffers(struct api_program *program)
{
    apm_array_segment segments[API_SEGMENTS];

    BEGIN(API_RECEIVE, api_size(program),
          (cut(program, operation, segments),
           apm_socket_begin_receive_buffers(socket, segments, API_SEGMENTS, APM_SOCKET_FLAGS_NONE, RESULT)));
}

static void begin_send_buffers(struct api_program *program)
{
    apm_array_segment segments[API_SEGMENTS];

    BEGIN(API_SEND, api_size(program),
          (cut(program, operation, segments),
           apm_socket_begin_send_buffers(socket, segments, API_SEGMENTS, APM_SOCKET_FLAGS_NONE, RESULT)));
}

static void begin_receive_from(struct api_program *program)
{
    apm_socket_flags flags = api_flags(program);

    BEGIN(API_RECEIVE_FROM, api_size(program),
          apm_socket_begin_receive_from(socket, operation->buffer, operation->size, flags, RESULT));
}

static void begin_receive_message_from(struct api_program *program)
{
    BEGIN(API_RECEIVE_MESSAGE_FROM, api_size(program),
          apm_socket_begin_receive_message_from(socket, operation->buffer, operation->size, APM_SOCKET_FLAGS_NONE,
                                                RESULT));
}

static void begin_send_to(struct api_program *program)
{
    apm_endpoint endpoint = api_endpoint(program);

    BEGIN(
        API_SEND_TO, api_size(program),
        apm_socket_begin_send_to(socket, operation->buffer, operation->size, APM_SOCKET_FLAGS_NONE, endpoint, RESULT));
}

static void begin_send_file(struct api_program *program)
{
    apm_file_range range = {fuzz_number(&program->input), fuzz_number(&program->input)};

    BEGIN(API_SEND_FILE, 0, apm_socket_begin_send_file_range(socket, "/proc/self/exe", range, RESULT));
}

static void begin_post(struct api_program *program)
{
    BEGIN(API_POST, 0, apm_socket_begin_post(socket, RESULT));
}

static void begin_wait_sendable(struct api_program *program)
{
    BEGIN(API_WAIT_SENDABLE, 0, apm_socket_begin_wait_sendable(socket, RESULT));
}

static void begin_drain(struct api_program *program)
{
    int timeout_ms = api_timeout_ms(program);

    BEGIN(API_DRAIN, 0, apm_socket_begin_drain(socket, timeout_ms, RESULT));
}

/* -- Waiting no longer than a millisecond -------------------------------------------------------------------------- */

static void receive_or_send(struct api_program *program)
{
    static uint8_t memory[API_BUFFER_LIMIT];
    apm_socket socket = api_socket(program);
    uint8_t choice = fuzz_byte(&program->input);
    size_t size = api_size(program);
    apm_endpoint remote;
    size_t count = SIZE_MAX;
    apm_error error;

    switch (choice % 4) {
    case 0: error = apm_socket_receive(socket, memory, size, api_flags(program), &count); break;
    case 1: error = apm_socket_send(socket, memory, size, api_flags(program), &count); break;
    case 2: error = apm_socket_receive_from(socket, memory, size, APM_SOCKET_FLAGS_NONE, &remote, &count); break;
    default:
        error = apm_socket_send_to(socket, memory, size, APM_SOCKET_FLAGS_NONE, api_endpoint(program), &count);
        break;
    }
    FUZZ_CHECK(count <= size && (error == APM_ERROR_SUCCESS || choice % 2 == 1 || count == 0));
}

static void poll_or_select(struct api_program *program)
{
    apm_socket reads[2] = {api_socket(program), api_socket(program)};
    apm_socket writes[1] = {api_socket(program)};
    size_t read_count = 2;
    size_t write_count = 1;
    bool ready;
    apm_error error = apm_socket_poll(reads[0], 100, (apm_select_mode)(fuzz_byte(&program->input) % 4), &ready);

    FUZZ_CHECK(error == APM_ERROR_SUCCESS || !ready);
    error = apm_socket_select(reads, &read_count, writes, &write_count, NULL, NULL, 100);
    FUZZ_CHECK(read_count <= 2 && write_count <= 1);
    (void)error;
}

/* -- Properties ---------------------------------------------------------------------------------------------------- */

static void set_option(struct api_program *program)
{
    static const apm_socket_option_name names[] = {APM_SOCKET_OPTION_NAME_REUSE_ADDRESS,
                                                   APM_SOCKET_OPTION_NAME_KEEP_ALIVE,
                                                   APM_SOCKET_OPTION_NAME_OUT_OF_BAND_INLINE,
                                                   APM_SOCKET_OPTION_NAME_RECEIVE_BUFFER,
                                                   APM_SOCKET_OPTION_NAME_SEND_BUFFER,
                                                   APM_SOCKET_OPTION_NAME_ERROR,
                                                   APM_SOCKET_OPTION_NAME_TYPE,
                                                   APM_SOCKET_OPTION_NAME_LINGER,
                                                   APM_SOCKET_OPTION_NAME_NO_DELAY,
                                                   APM_SOCKET_OPTION_NAME_MAX_CONNECTIONS};
    static const apm_socket_option_level levels[] = {APM_SOCKET_OPTION_LEVEL_SOCKET, APM_SOCKET_OPTION_LEVEL_TCP,
                                                     APM_SOCKET_OPTION_LEVEL_IP};
    apm_socket socket = api_socket(program);
    apm_socket_option_name name = names[fuzz_byte(&program->input) % (sizeof names / sizeof names[0])];
    apm_socket_option_level level = levels[fuzz_byte(&program->input) % (sizeof levels / sizeof levels[0])];
    uint8_t bytes[24];
    size_t size = fuzz_byte(&program->input) % (sizeof bytes + 1);
    size_t room = size;
    int value;
    apm_error error;

    error = apm_socket_set_socket_option(socket, level, name, (int)fuzz_number(&program->input) - 1);
    error = apm_socket_get_socket_option(socket, level, name, &value);
    error = apm_socket_get_raw_socket_option(socket, (int)fuzz_byte(&program->input), fuzz_byte(&program->input), bytes,
                                             &size);
    FUZZ_CHECK(error != APM_ERROR_SUCCESS || size <= room);
    size = room;
    memset(bytes, 0, sizeof bytes);
    error = apm_socket_set_socket_option_bytes(socket, level, name, bytes, size);
    (void)error;
}

static void set_property(struct api_program *program)
{
    apm_socket socket = api_socket(program);
    uint8_t choice = fuzz_byte(&program->input);
    uint8_t value = fuzz_byte(&program->input);
    apm_linger_option linger = {value % 2 == 0, value % 3};
    apm_send_water_marks marks = {value * 100U, value, 1U + value % 8, value % 2};
    apm_error error;

    switch (choice % 8) {
    case 0: error = apm_socket_set_serialised(socket, value % 2 == 0); break;
    case 1: error = apm_socket_set_send_water_marks(socket, marks); break;
    case 2: error = apm_socket_set_linger_state(socket, linger); break;
    case 3: error = apm_socket_set_no_delay(socket, value % 2 == 0); break;
    case 4: error = apm_socket_set_receive_timeout(socket, 1 + value % 3); break;
    case 5: error = apm_socket_set_receive_buffer_size(socket, value * 16); break;
    case 6: error = apm_socket_set_send_buffer_size(socket, value * 16); break;
    default: error = apm_socket_set_connect_attempt_delay(socket, value % 20 - 1); break;
    }
    (void)error;
}

static void get_properties(struct api_program *program)
{
    apm_socket socket = api_socket(program);
    apm_endpoint endpoint;
    size_t count = 0;
    size_t sends = 0;
    apm_error error = apm_socket_remote_endpoint(socket, &endpoint);

    FUZZ_CHECK(error == APM_ERROR_SUCCESS || apm_endpoint_is_null(endpoint));
    error = apm_socket_available(socket, &count);
    error = apm_socket_pending_sends(socket, &count, &sends);
    error = apm_socket_connection_count(socket, &count);
    (void)error;
    (void)apm_socket_connected(socket);
    (void)apm_socket_is_bound(socket);
    (void)apm_socket_is_draining(socket);
}

/* Those that the others need come more than once. */
api_call *const api_socket_calls[] = {create,
                                      create_pair,
                                      create_pair,
                                      create_pair,
                                      close_socket,
                                      bind_and_listen,
                                      shut_down,
                                      begin_accept,
                                      begin_accept_receive,
                                      begin_accept_socket,
                                      begin_connect,
                                      begin_connect_endpoints,
                                      begin_connect_host,
                                      begin_disconnect,
                                      begin_receive,
                                      begin_receive,
                                      begin_send,
                                      begin_send,
                                      begin_receive_buffers,
                                      begin_send_buffers,
                                      begin_receive_from,
                                      begin_receive_message_from,
                                      begin_send_to,
                                      begin_send_file,
                                      begin_post,
                                      begin_wait_sendable,
                                      begin_drain,
                                      receive_or_send,
                                      poll_or_select,
                                      set_option,
                                      set_property,
                                      get_properties};
const size_t api_socket_call_count = sizeof api_socket_calls / sizeof api_socket_calls[0];
