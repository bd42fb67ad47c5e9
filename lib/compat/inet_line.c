/*
 * Inet sockets: lines of text. They wait for a whole line whether the handle blocks or not, as the original's do; what
 * is read comes out of the same buffer as other data does. See inet_socket.h. The program's threads only.
 */
#include <string.h>

#include "inet_socket.h"

/* -- Reading ------------------------------------------------------------------------------------------------------- */

/* A line as it comes in: `room` characters fit, of one byte each or of as many as UTF-8 has. */
struct line {
    char *text;
    size_t size; /* bytes */
    size_t characters;
    size_t room;
    size_t missing; /* bytes of the character that has begun */
    bool wide;
    bool whole; /* its end has come, or no more fits */
};

/* How many bytes follow the first one of a character. */
static size_t count_following(uint8_t first)
{
    return first >= 0xf0 && first < 0xf8   ? 3
           : first >= 0xe0 && first < 0xf0 ? 2
           : first >= 0xc0 && first < 0xe0 ? 1
                                           : 0;
}

/* Takes a byte in; false if it does not belong to the line any more, and stays where it is. */
static bool take_byte(struct line *line, uint8_t byte)
{
    bool follows = line->missing > 0 && (byte & 0xc0) == 0x80;
    if (line->missing > 0 && !follows)
        line->missing = 0; /* what has been cut short is no character of its own */
    if (byte == '\n') {
        line->whole = true;
        return true;
    }
    if (byte == '\r' || byte == '\0')
        return true;
    if (!follows && line->characters == line->room) {
        line->whole = true;
        return false;
    }
    line->text[line->size++] = (char)byte;
    if (follows)
        line->missing--;
    else
        line->characters++;
    if (!follows && line->wide)
        line->missing = count_following(byte);
    line->whole = line->characters == line->room && line->missing == 0;
    return true;
}

/* One attempt. WOULD_BLOCK: what there was is taken, and the line goes on. NOT_CONNECTED: it ends with the stream. */
static apm_error take(struct apm__inet *inet, struct line *line)
{
    apm__os_mutex_lock(&inet->lock);
    apm_error error = apm__inet_check_open_locked(inet);
    while (error == APM_ERROR_SUCCESS && !line->whole && inet->in_start < inet->in_end && inet->full)
        if (take_byte(line, inet->in[inet->in_start]))
            inet->full = ++inet->in_start < inet->in_end;
    if (error == APM_ERROR_SUCCESS && !line->whole && !inet->full)
        error = !inet->ended ? APM_ERROR_WOULD_BLOCK : inet->in_error ? inet->in_error : APM_ERROR_NOT_CONNECTED;
    struct apm__inet_notice notice = apm__inet_taken_locked(inet);
    apm__os_mutex_unlock(&inet->lock);
    apm__inet_go_on(inet, &notice);
    return error;
}

static apm_error read_line(struct apm__inet *inet, struct line *line)
{
    uint64_t start = apm__os_monotonic_ns();
    apm__os_mutex_lock(&inet->lock);
    int64_t timeout_ms = (int64_t)inet->timeout_s * 1000;
    apm__os_mutex_unlock(&inet->lock);
    if (inet->kind == APM__INET_DATAGRAM)
        return APM_ERROR_NOT_SUPPORTED;
    for (;;) {
        apm_error error = take(inet, line);
        if (error == APM_ERROR_NOT_CONNECTED && line->size > 0)
            return APM_ERROR_SUCCESS; /* the last line need not have an end of its own */
        if (error != APM_ERROR_WOULD_BLOCK)
            return error;
        int64_t left_ms = timeout_ms - (int64_t)((apm__os_monotonic_ns() - start) / 1000000u);
        error = apm__inet_wait(inet, apm__inet_can_read, left_ms > 0 ? left_ms : 1);
        if (error != APM_ERROR_SUCCESS)
            return error;
    }
}

/* Reads into `narrow` or `wide`, whichever there is; `length` is the room with the zero, and then the length. */
static int read_to(apm_inet socket, char *narrow, wchar_t *wide, int *length)
{
    struct apm__inet *inet = apm__inet_enter(socket);
    int room = length && *length > 0 ? *length - 1 : 0;
    struct line line = {.text = narrow, .room = (size_t)room, .wide = wide != NULL};
    apm_error error = inet ? APM_ERROR_SUCCESS : APM_ERROR_NOT_SOCKET;
    if (inet && room == 0)
        error = APM_ERROR_ARGUMENT;
    if (error == APM_ERROR_SUCCESS && wide) {
        line.text = apm__os_allocate((size_t)room * 4 + 1);
        error = line.text ? APM_ERROR_SUCCESS : APM_ERROR_OUT_OF_MEMORY;
    }
    if (error == APM_ERROR_SUCCESS)
        error = read_line(inet, &line);
    if (length && *length > 0 && wide)
        wide[0] = 0;
    if (line.text && room > 0)
        line.text[line.size] = '\0';
    if (wide && line.text) {
        line.size = apm__inet_widen(line.text, wide, (size_t)room + 1);
        apm__os_free(line.text);
    }
    if (length)
        *length = (int)line.size;
    if (!inet)
        return 0; /* which has set the error */
    apm__inet_release(inet);
    if (error == APM_ERROR_SUCCESS)
        return 1;
    apm__inet_fail(error);
    return 0;
}

int apm_inet_read_line_a(apm_inet socket, char *text, int *length)
{
    if (text)
        return read_to(socket, text, NULL, length);
    apm__inet_fail(APM_ERROR_ARGUMENT);
    return 0;
}

int apm_inet_read_line_w(apm_inet socket, wchar_t *text, int *length)
{
    if (text)
        return read_to(socket, NULL, text, length);
    apm__inet_fail(APM_ERROR_ARGUMENT);
    return 0;
}

/* -- Writing ------------------------------------------------------------------------------------------------------- */

/* Writes the text, whose own end of line if it has one is left out, and CR LF. */
static apm_error write_line(struct apm__inet *inet, const char *text, size_t size, int *written)
{
    static const apm_endpoint nobody = {.port = 0};
    if (size > 0 && text[size - 1] == '\n')
        size--;
    if (size > 0 && text[size - 1] == '\r')
        size--;
    if (inet->kind == APM__INET_DATAGRAM)
        return APM_ERROR_NOT_SUPPORTED;
    if (size > INT32_MAX - 2)
        return APM_ERROR_ARGUMENT;
    uint8_t *line = apm__os_allocate(size + 2);
    if (!line)
        return APM_ERROR_OUT_OF_MEMORY;
    memcpy(line, text, size);
    line[size] = '\r';
    line[size + 1] = '\n';
    apm__os_mutex_lock(&inet->lock);
    int64_t timeout_ms = (int64_t)inet->timeout_s * 1000;
    apm__os_mutex_unlock(&inet->lock);
    apm_error error = apm__inet_write_all(inet, line, size + 2, nobody, timeout_ms);
    apm__os_free(line);
    if (error == APM_ERROR_SUCCESS && written)
        *written = (int)size + 2;
    return error;
}

int apm_inet_write_line_a(apm_inet socket, const char *text, int *length)
{
    if (length)
        *length = 0;
    struct apm__inet *inet = apm__inet_enter(socket);
    if (!inet)
        return 0;
    apm_error error = text ? write_line(inet, text, strlen(text), length) : APM_ERROR_ARGUMENT;
    apm__inet_release(inet);
    if (error == APM_ERROR_SUCCESS)
        return 1;
    apm__inet_fail(error);
    return 0;
}

int apm_inet_write_line_w(apm_inet socket, const wchar_t *text, int *length)
{
    char *narrow;
    if (length)
        *length = 0;
    if (!apm__inet_narrow(text, &narrow)) {
        apm__inet_fail(APM_ERROR_OUT_OF_MEMORY);
        return 0;
    }
    int result = apm_inet_write_line_a(socket, narrow, length);
    apm__os_free(narrow);
    return result;
}
