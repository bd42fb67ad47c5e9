/*
 * Owns the reading of addresses: takes and refuses what .NET 10's IPAddress.Parse takes and refuses.
 *
 * No state and no locks; any thread. The only question to the operating system is an interface's name behind '%'.
 * Functions named take_ move `at` behind what they took, and say false where the text is no address; nothing depends on
 * the locale, and bytes above 127 are ordinary characters that only a scope may contain.
 */
#include "ip_address_text.h"

#include <string.h>

#include "os.h"

enum {
    IPV4_PARTS = 4,
    IPV6_GROUPS = 8,
    GROUP_DIGITS = 4,
    NOT_COMPRESSED = -1,

    /* Longer names belong to no interface of any system. */
    INTERFACE_NAME_SIZE = 256
};

/* The part of the text that is still to be read. */
typedef struct text_span {
    const char *at;
    const char *end;
} text_span;

/* The groups read so far, with the place of "::" among them. */
typedef struct ipv6_groups {
    uint16_t values[IPV6_GROUPS];
    int count;
    int compressed_at; /* index of the group that follows "::", or NOT_COMPRESSED */
} ipv6_groups;

/* -- Characters and numbers ---------------------------------------------------------------------------------------- */

/* Whether the next character is this one; it is not taken. */
static bool next_is(const text_span *text, char character)
{
    return text->at < text->end && *text->at == character;
}

/* Takes the next character if it is this one. */
static bool take(text_span *text, char character)
{
    if (!next_is(text, character)) {
        return false;
    }
    text->at++;
    return true;
}

/* The value of the next character as a digit, or 255, which is a digit in no base. */
static unsigned next_digit(const text_span *text)
{
    char character = text->at < text->end ? *text->at : '\0';
    if (character >= '0' && character <= '9') {
        return (unsigned)(character - '0');
    }
    if (character >= 'a' && character <= 'f') {
        return (unsigned)(character - 'a') + 10;
    }
    if (character >= 'A' && character <= 'F') {
        return (unsigned)(character - 'A') + 10;
    }
    return 255;
}

/* Takes all digits that follow; false if there are none or the number is above `largest`. */
static bool take_number(text_span *text, unsigned base, uint32_t largest, uint32_t *number)
{
    const char *start = text->at;
    uint64_t value = 0;
    for (unsigned digit = next_digit(text); digit < base; digit = next_digit(text)) {
        value = value * base + digit;
        if (value > largest) {
            return false;
        }
        text->at++;
    }
    *number = (uint32_t)value;
    return text->at > start;
}

bool apm__text_read_number(const char *text, size_t length, unsigned largest, unsigned *number)
{
    text_span span = {text, text + length};
    uint32_t value = 0;
    bool read = take_number(&span, 10, largest, &value) && span.at == span.end;
    *number = value;
    return read;
}

/* Takes "0x", in front of a hexadecimal number. */
static bool take_hexadecimal_mark(text_span *text)
{
    if (text->end - text->at < 2 || text->at[0] != '0' || (text->at[1] != 'x' && text->at[1] != 'X')) {
        return false;
    }
    text->at += 2;
    return true;
}

/* -- IPv4 ---------------------------------------------------------------------------------------------------------- */

static void store_big_endian(uint32_t number, uint8_t bytes[4])
{
    for (int i = 0; i < 4; i++) {
        bytes[i] = (uint8_t)(number >> (24 - 8 * i));
    }
}

/* The liberal form: one to four parts in any of three bases, of which the last fills the bytes that are left. */
static bool read_ipv4(text_span text, uint8_t bytes[4])
{
    uint32_t address = 0;
    for (int part = 0; part < IPV4_PARTS; part++) {
        unsigned base = take_hexadecimal_mark(&text) ? 16 : next_is(&text, '0') ? 8 : 10;
        uint32_t number;
        if (!take_number(&text, base, UINT32_MAX, &number)) {
            return false;
        }
        if (text.at == text.end) {
            store_big_endian(address | number, bytes);
            return number <= UINT32_MAX >> (8 * part);
        }
        if (number > UINT8_MAX || !take(&text, '.')) {
            return false;
        }
        address |= number << (24 - 8 * part);
    }
    return false;
}

/*
 * The strict form, the only one inside an IPv6 address: four decimal parts without zeros in front. As in .NET the last
 * part may have one.
 */
static bool take_embedded_ipv4(text_span *text, uint32_t *address)
{
    *address = 0;
    for (int part = 0; part < IPV4_PARTS; part++) {
        if (part > 0 && !take(text, '.')) {
            return false;
        }
        const char *start = text->at;
        uint32_t number;
        if (!take_number(text, 10, UINT8_MAX, &number)) {
            return false;
        }
        bool zero_in_front = start[0] == '0' && text->at - start > 1;
        if (zero_in_front && (part < IPV4_PARTS - 1 || start[1] == '0')) {
            return false;
        }
        *address = *address << 8 | number;
    }
    return true;
}

/* -- IPv6 ---------------------------------------------------------------------------------------------------------- */

/* Whether the groups end here: at a scope, at the closing bracket, or with the text. */
static bool at_end_of_groups(const text_span *text)
{
    return text->at == text->end || *text->at == '%' || *text->at == ']';
}

/* Whether the next group is the first part of an IPv4 address. */
static bool next_is_embedded_ipv4(text_span text)
{
    while (next_digit(&text) < 10) {
        text.at++;
    }
    return next_is(&text, '.');
}

static bool add_group(ipv6_groups *groups, uint32_t value)
{
    if (groups->count == IPV6_GROUPS) {
        return false;
    }
    groups->values[groups->count++] = (uint16_t)value;
    return true;
}

static bool take_group(text_span *text, ipv6_groups *groups)
{
    const char *start = text->at;
    uint32_t value;
    return take_number(text, 16, UINT16_MAX, &value) && text->at - start <= GROUP_DIGITS && add_group(groups, value);
}

/* Takes one colon, or the two that stand for zeros, which may do so once; a single one must have a group behind it. */
static bool take_separator(text_span *text, ipv6_groups *groups)
{
    if (!take(text, ':')) {
        return false;
    }
    if (!take(text, ':')) {
        return !at_end_of_groups(text);
    }
    if (groups->compressed_at != NOT_COMPRESSED) {
        return false;
    }
    groups->compressed_at = groups->count;
    return true;
}

static bool take_groups(text_span *text, ipv6_groups *groups)
{
    *groups = (ipv6_groups){.compressed_at = NOT_COMPRESSED};

    /* A colon at the start is one of two. */
    if (next_is(text, ':') && (!take_separator(text, groups) || groups->compressed_at == NOT_COMPRESSED)) {
        return false;
    }
    while (!at_end_of_groups(text)) {
        if (next_is_embedded_ipv4(*text)) {
            uint32_t address;
            return take_embedded_ipv4(text, &address) && at_end_of_groups(text) && add_group(groups, address >> 16) &&
                   add_group(groups, address & UINT16_MAX);
        }
        if (!take_group(text, groups) || (!at_end_of_groups(text) && !take_separator(text, groups))) {
            return false;
        }
    }
    return true;
}

/* Puts the groups into place, those behind "::" at the end; "::" stands for at least one group. */
static bool store_groups(const ipv6_groups *groups, uint8_t bytes[16])
{
    bool compressed = groups->compressed_at != NOT_COMPRESSED;
    if (compressed ? groups->count == IPV6_GROUPS : groups->count != IPV6_GROUPS) {
        return false;
    }
    memset(bytes, 0, 16);
    for (int i = 0; i < groups->count; i++) {
        int place = compressed && i >= groups->compressed_at ? IPV6_GROUPS - groups->count + i : i;
        uint8_t *group = bytes + (size_t)place * 2;
        group[0] = (uint8_t)(groups->values[i] >> 8);
        group[1] = (uint8_t)groups->values[i];
    }
    return true;
}

/* Takes what stands between '%' and the closing bracket or the end. */
static bool take_scope(text_span *text, text_span *scope)
{
    scope->at = text->at;
    while (text->at < text->end && *text->at != ']') {
        if (*text->at == '/') {
            return false;
        }
        text->at++;
    }
    scope->end = text->at;
    return true;
}

/*
 * A number, or an interface's name, which as in .NET may have a second '%' in front. What is neither is no scope: .NET
 * does not call it an error.
 */
static uint32_t find_scope_id(text_span scope)
{
    text_span number_text = scope;
    uint32_t number;
    if (take_number(&number_text, 10, UINT32_MAX, &number) && number_text.at == number_text.end) {
        return number;
    }
    take(&scope, '%');
    char name[INTERFACE_NAME_SIZE];
    size_t length = (size_t)(scope.end - scope.at);
    if (length == 0 || length >= sizeof name) {
        return 0;
    }
    memcpy(name, scope.at, length);
    name[length] = '\0';
    return apm__os_interface_index(name);
}

/* What may follow the closing bracket: nothing, or a port, whose digits are looked at and whose value is not. */
static bool take_ignored_port(text_span *text)
{
    if (!take(text, ':')) {
        return text->at == text->end;
    }
    /* As in .NET a small x only; the zero alone is a digit like others. */
    unsigned base = take(text, '0') && take(text, 'x') ? 16 : 10;
    while (next_digit(text) < base) {
        text->at++;
    }
    return text->at == text->end;
}

static bool read_ipv6(text_span text, apm_ip_address *address)
{
    bool bracketed = take(&text, '[');
    ipv6_groups groups;
    if (!take_groups(&text, &groups) || !store_groups(&groups, address->bytes)) {
        return false;
    }
    text_span scope = {NULL, NULL};
    if (take(&text, '%') && !take_scope(&text, &scope)) {
        return false;
    }
    if (bracketed ? !take(&text, ']') || !take_ignored_port(&text) : text.at != text.end) {
        return false;
    }
    /* Last, so that only an address asks the system. */
    address->scope_id = scope.at == NULL ? 0 : find_scope_id(scope);
    return true;
}

bool apm__ip_address_read(const char *text, size_t length, apm_ip_address *address)
{
    text_span span = {text, text + length};
    apm_ip_address read = {.family = APM_ADDRESS_FAMILY_UNSPECIFIED};
    bool is_address;
    if (memchr(text, ':', length) != NULL) {
        read.family = APM_ADDRESS_FAMILY_INTER_NETWORK_V6;
        is_address = read_ipv6(span, &read);
    } else {
        read.family = APM_ADDRESS_FAMILY_INTER_NETWORK;
        is_address = read_ipv4(span, read.bytes);
    }
    *address = is_address ? read : (apm_ip_address){.family = APM_ADDRESS_FAMILY_UNSPECIFIED};
    return is_address;
}

apm_error apm_ip_address_parse_span(const char *text, size_t length, apm_ip_address *address)
{
    if (address == NULL) {
        return APM_ERROR_ARGUMENT_NULL;
    }
    *address = (apm_ip_address){.family = APM_ADDRESS_FAMILY_UNSPECIFIED};
    if (text == NULL) {
        return APM_ERROR_ARGUMENT_NULL;
    }
    return apm__ip_address_read(text, length, address) ? APM_ERROR_SUCCESS : APM_ERROR_FORMAT;
}

apm_error apm_ip_address_parse(const char *text, apm_ip_address *address)
{
    return apm_ip_address_parse_span(text, text == NULL ? 0 : strlen(text), address);
}

bool apm_ip_address_try_parse(const char *text, apm_ip_address *address)
{
    return apm_ip_address_parse(text, address) == APM_ERROR_SUCCESS;
}

bool apm_ip_address_try_parse_span(const char *text, size_t length, apm_ip_address *address)
{
    return apm_ip_address_parse_span(text, length, address) == APM_ERROR_SUCCESS;
}

bool apm_ip_address_is_valid(const char *text, size_t length)
{
    apm_ip_address address;
    return apm_ip_address_try_parse_span(text, length, &address);
}
