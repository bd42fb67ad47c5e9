/*
 * Inet sockets: texts, and the functions that take wide ones. wchar_t holds UTF-32 or UTF-16, whatever the compiler has
 * made of it; half a surrogate pair, and what is no character, become U+FFFD. Any thread.
 */
#include <string.h>

#include "apm/compat/text.h"
#include "inet_socket.h"

/* -- Wide and narrow ----------------------------------------------------------------------------------------------- */

enum { REPLACEMENT = 0xfffd };

/* The character at *text, past which it moves. */
static uint32_t next_character(const wchar_t **text)
{
    uint32_t first = (uint32_t) * (*text)++;
    uint32_t second = (uint32_t) * *text;
    if (first >= 0xd800 && first < 0xdc00 && second >= 0xdc00 && second < 0xe000) {
        (*text)++;
        return 0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00);
    }
    return first > 0x10ffff || (first >= 0xd800 && first < 0xe000) ? REPLACEMENT : first;
}

static size_t put_character(char *output, uint32_t character)
{
    size_t size = character < 0x80 ? 1 : character < 0x800 ? 2 : character < 0x10000 ? 3 : 4;
    static const uint8_t marks[] = {0, 0, 0xc0, 0xe0, 0xf0};
    for (size_t i = size - 1; i > 0; i--) {
        output[i] = (char)(uint8_t)(0x80 | (character & 0x3f));
        character >>= 6;
    }
    output[0] = (char)(uint8_t)(marks[size] | character);
    return size;
}

bool apm__inet_narrow(const wchar_t *wide, char **narrow)
{
    size_t length = 0;
    *narrow = NULL;
    if (!wide)
        return true;
    for (const wchar_t *at = wide; *at != 0; at++)
        length++;
    char *made = apm__os_allocate(length * 4 + 1);
    if (!made)
        return false;
    size_t size = 0;
    for (const wchar_t *at = wide; *at != 0;)
        size += put_character(made + size, next_character(&at));
    made[size] = '\0';
    *narrow = made;
    return true;
}

/* The character at *text, past which it moves; a byte that begins none is a character in its place. */
static uint32_t next_narrow(const char **text)
{
    static const uint32_t least[] = {0, 0x80, 0x800, 0x10000};
    uint8_t first = (uint8_t) * (*text)++;
    size_t following = first >= 0xf0 && first < 0xf8 ? 3 : first >= 0xe0 ? 2 : first >= 0xc0 ? 1 : 0;
    if (first < 0x80)
        return first;
    if (following == 0 || first >= 0xf8)
        return REPLACEMENT;
    uint32_t character = first & (0x3fu >> following);
    for (size_t i = 0; i < following; i++) {
        uint8_t byte = (uint8_t)(*text)[i];
        if ((byte & 0xc0) != 0x80)
            return REPLACEMENT;
        character = character << 6 | (byte & 0x3f);
    }
    bool wrong = character < least[following] || character > 0x10ffff || (character >= 0xd800 && character < 0xe000);
    if (!wrong)
        *text += following;
    return wrong ? REPLACEMENT : character;
}

size_t apm__inet_widen(const char *narrow, wchar_t *wide, size_t size)
{
    size_t length = 0;
    while (*narrow != '\0') {
        uint32_t character = next_narrow(&narrow);
        size_t units = sizeof(wchar_t) == 2 && character >= 0x10000 ? 2 : 1;
        if (length + units >= size)
            break;
        if (units == 2) {
            wide[length++] = (wchar_t)(0xd800 + ((character - 0x10000) >> 10));
            character = 0xdc00 + ((character - 0x10000) & 0x3ff);
        }
        wide[length++] = (wchar_t)character;
    }
    wide[length] = 0;
    return length;
}

/* Writes ASCII text, such as errors and addresses are, with its zero; the length. */
static int put_text(const char *text, char *narrow, wchar_t *wide, int size)
{
    int length = 0;
    for (; length < size - 1 && text[length] != '\0'; length++) {
        if (narrow)
            narrow[length] = text[length];
        else
            wide[length] = (wchar_t)text[length];
    }
    if (narrow)
        narrow[length] = '\0';
    else
        wide[length] = 0;
    return length;
}

/* -- Errors -------------------------------------------------------------------------------------------------------- */

static const struct {
    uint32_t error;
    const char *text;
} texts[] = {
    {APM_INET_E_NOT_HANDLE_OWNER, "The handle belongs to another thread"},
    {APM_INET_E_FILE_NOT_FOUND, "There is no such file"},
    {APM_INET_E_OPERATION_CANCELED, "The operation has been cancelled"},
    {APM_INET_E_OUT_OF_MEMORY, "There is not enough memory"},
    {APM_INET_E_ACCESS_DENIED, "Access is denied"},
    {APM_INET_E_INVALID_PARAMETER, "An argument is not valid"},
    {APM_INET_E_WOULD_BLOCK, "The operation would block"},
    {APM_INET_E_INVALID_HANDLE, "The handle is not a socket"},
    {APM_INET_E_INVALID_SIZE, "The message is too large"},
    {APM_INET_E_INVALID_PROTOCOL, "The protocol is not supported"},
    {APM_INET_E_INVALID_OPTION, "The option is not supported by the protocol"},
    {APM_INET_E_NOT_SUPPORTED, "The operation is not supported"},
    {APM_INET_E_ADDRESS_IN_USE, "The local address is in use"},
    {APM_INET_E_ADDRESS_UNAVAILABLE, "The local address is not available"},
    {APM_INET_E_CONNECTION_ABORTED, "The connection has been aborted"},
    {APM_INET_E_CONNECTION_RESET, "The peer has reset the connection"},
    {APM_INET_E_NOT_CONNECTED, "The socket is not connected"},
    {APM_INET_E_TIMED_OUT, "The operation has timed out"},
    {APM_INET_E_CONNECTION_REFUSED, "The peer has refused the connection"},
    {APM_INET_E_NOT_INITIALIZED, "The library has not been initialized"},
    {APM_INET_E_HOST_NOT_FOUND, "The host name cannot be resolved"},
    {APM_INET_E_INVALID_CERTIFICATE,
     "The secure connection could not be negotiated, or the certificate is not trusted"},
    {APM_INET_E_INVALID_CREDENTIALS, "The credentials have no such certificate or key"},
};

static const char *text_of(uint32_t error)
{
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (texts[i].error == error)
            return texts[i].text;
    if (error >> 16 == 0x8004)
        return apm_error_message((apm_error)(error & 0xffff));
    return error == 0 ? "There is no error" : "Unknown error";
}

static int put_error(uint32_t error, char *narrow, wchar_t *wide, int size)
{
    if ((!narrow && !wide) || size < 1)
        return apm__inet_fail(APM_ERROR_ARGUMENT);
    return put_text(text_of(error != 0 ? error : apm_inet_get_last_error()), narrow, wide, size);
}

int apm_inet_get_error_string_a(uint32_t error, char *text, int size)
{
    return put_error(error, text, NULL, size);
}

int apm_inet_get_error_string_w(uint32_t error, wchar_t *text, int size)
{
    return put_error(error, NULL, text, size);
}

/* -- Addresses ----------------------------------------------------------------------------------------------------- */

static int put_address(const apm_inet_address *address, char *narrow, wchar_t *wide, int size)
{
    char text[APM_IP_ADDRESS_TEXT_SIZE];
    apm_endpoint endpoint;
    apm_error error = apm__inet_endpoint_of(address, 0, &endpoint);
    if (error == APM_ERROR_SUCCESS)
        error = apm_ip_address_format(endpoint.address, text, sizeof text);
    if (error == APM_ERROR_SUCCESS && ((!narrow && !wide) || size <= (int)strlen(text)))
        error = APM_ERROR_ARGUMENT;
    return error == APM_ERROR_SUCCESS ? put_text(text, narrow, wide, size) : apm__inet_fail(error);
}

int apm_inet_format_address_a(const apm_inet_address *address, char *text, int size)
{
    return put_address(address, text, NULL, size);
}

int apm_inet_format_address_w(const apm_inet_address *address, wchar_t *text, int size)
{
    return put_address(address, NULL, text, size);
}

int apm_inet_get_address_a(const char *text, apm_inet_address *address)
{
    apm_endpoint endpoint = {.port = 0};
    apm__inet_address_of(NULL, address, NULL);
    if (!text || !address || !apm_ip_address_try_parse(text, &endpoint.address))
        return apm__inet_fail(APM_ERROR_ARGUMENT);
    apm__inet_address_of(&endpoint, address, NULL);
    return 0;
}

int apm_inet_get_address_w(const wchar_t *text, apm_inet_address *address)
{
    char *narrow;
    if (!apm__inet_narrow(text, &narrow))
        return apm__inet_fail(APM_ERROR_OUT_OF_MEMORY);
    int result = apm_inet_get_address_a(narrow, address);
    apm__os_free(narrow);
    return result;
}
