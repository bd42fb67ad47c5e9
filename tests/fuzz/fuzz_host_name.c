/*
 * Host names: the first line is looked up in every way, and the program's own getaddrinfo and getnameinfo answer what
 * the other bytes say. What comes out is what they answered; an address as text is its own answer where the manual says
 * so. Nothing leaves the process.
 */
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"

enum { ANSWER_LIMIT = 8, NAME_LIMIT = 300 };

/* -- The resolver that answers as the input says ------------------------------------------------------------------- */

/* Written before a look-up is begun and read by the library's resolver threads. */
static struct {
    int code; /* of getaddrinfo */
    size_t count;
    struct sockaddr_storage addresses[ANSWER_LIMIT];
    char canonical_name[NAME_LIMIT];
    bool has_canonical_name;
    int backwards_code; /* of getnameinfo */
    char backwards_name[NAME_LIMIT];
} answer;

static _Atomic int questions;

struct answer_entry {
    struct addrinfo info;
    struct sockaddr_storage address;
};

int getaddrinfo(const char *restrict name, const char *restrict service, const struct addrinfo *restrict hints,
                struct addrinfo **restrict found)
{
    struct addrinfo **end = found;

    (void)service;
    FUZZ_CHECK(name != NULL && strlen(name) < NAME_LIMIT);
    questions++;
    *found = NULL;
    if (answer.code != 0) {
        errno = ENOMEM;
        return answer.code;
    }
    for (size_t i = 0; i < answer.count; i++) {
        struct answer_entry *entry = calloc(1, sizeof *entry);

        FUZZ_CHECK(entry != NULL);
        entry->address = answer.addresses[i];
        entry->info.ai_family = entry->address.ss_family;
        entry->info.ai_addr = (struct sockaddr *)&entry->address;
        entry->info.ai_addrlen = sizeof entry->address;
        if (i == 0 && (hints->ai_flags & AI_CANONNAME) != 0 && answer.has_canonical_name) {
            entry->info.ai_canonname = answer.canonical_name;
        }
        *end = &entry->info;
        end = &entry->info.ai_next;
    }
    /* There is no success without an address. */
    return *found == NULL ? EAI_NONAME : 0;
}

void freeaddrinfo(struct addrinfo *found)
{
    while (found != NULL) {
        struct addrinfo *next = found->ai_next;

        free(found);
        found = next;
    }
}

int getnameinfo(const struct sockaddr *restrict address, socklen_t size, char *restrict name, socklen_t name_size,
                char *restrict service, socklen_t service_size, int flags)
{
    size_t length = strlen(answer.backwards_name);

    FUZZ_CHECK(address != NULL && size >= sizeof(struct sockaddr_in));
    FUZZ_CHECK(service == NULL && service_size == 0 && flags == NI_NAMEREQD);
    questions++;
    if (answer.backwards_code != 0) {
        errno = ENOMEM;
        return answer.backwards_code;
    }
    if (length >= name_size) {
        return EAI_OVERFLOW;
    }
    memcpy(name, answer.backwards_name, length + 1);
    return 0;
}

/* -- What it answers ----------------------------------------------------------------------------------------------- */

static void take_name(struct fuzz_input *input, char *name)
{
    struct fuzz_text text = fuzz_text_take(input);
    size_t length = strnlen(text.terminated, NAME_LIMIT - 1);

    memcpy(name, text.terminated, length);
    name[length] = '\0';
    fuzz_text_free(&text);
}

static int take_code(struct fuzz_input *input)
{
    static const int codes[] = {0, 0, 0, EAI_AGAIN, EAI_FAIL, EAI_MEMORY, EAI_NONAME, EAI_SYSTEM, EAI_FAMILY};

    return codes[fuzz_byte(input) % (sizeof codes / sizeof codes[0])];
}

static void take_address(struct fuzz_input *input, struct sockaddr_storage *address)
{
    static const sa_family_t families[] = {AF_INET, AF_INET6, AF_INET6, AF_UNIX};
    struct sockaddr_in v4 = {.sin_family = AF_INET};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};

    memset(address, 0, sizeof *address);
    address->ss_family = families[fuzz_byte(input) % 4];
    if (address->ss_family == AF_INET) {
        v4.sin_addr.s_addr = fuzz_number(input);
        memcpy(address, &v4, sizeof v4);
    } else if (address->ss_family == AF_INET6) {
        v6.sin6_addr.s6_addr[0] = fuzz_byte(input);
        v6.sin6_addr.s6_addr[15] = fuzz_byte(input);
        v6.sin6_scope_id = fuzz_byte(input);
        memcpy(address, &v6, sizeof v6);
    }
}

static void take_answer(struct fuzz_input *input)
{
    take_name(input, answer.canonical_name);
    take_name(input, answer.backwards_name);
    answer.code = take_code(input);
    answer.backwards_code = take_code(input);
    answer.has_canonical_name = fuzz_byte(input) % 2 == 0;
    answer.count = fuzz_byte(input) % (ANSWER_LIMIT + 1);
    for (size_t i = 0; i < answer.count; i++) {
        take_address(input, &answer.addresses[i]);
    }
}

/* -- Looking up ---------------------------------------------------------------------------------------------------- */

/* Whether the entry's addresses are those of the answer that the library knows, in the same order. */
static void check_answer(const apm_host_entry *entry)
{
    size_t known = 0;

    for (size_t i = 0; i < answer.count; i++) {
        apm_ip_address expected = {.family = APM_ADDRESS_FAMILY_INTER_NETWORK};
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;

        if (answer.addresses[i].ss_family == AF_INET) {
            memcpy(&v4, &answer.addresses[i], sizeof v4);
            memcpy(expected.bytes, &v4.sin_addr, 4);
        } else if (answer.addresses[i].ss_family == AF_INET6) {
            memcpy(&v6, &answer.addresses[i], sizeof v6);
            expected.family = APM_ADDRESS_FAMILY_INTER_NETWORK_V6;
            expected.scope_id = v6.sin6_scope_id;
            memcpy(expected.bytes, &v6.sin6_addr, 16);
        } else {
            continue;
        }
        FUZZ_CHECK(known < entry->address_count);
        FUZZ_CHECK(apm_ip_address_equals(entry->address_list[known], expected));
        known++;
    }
    FUZZ_CHECK(known == entry->address_count);
}

static void check_entry(apm_error error, apm_host_entry *entry)
{
    switch ((int)error) {
    case APM_ERROR_SUCCESS:
        FUZZ_CHECK(entry != NULL && entry->host_name != NULL && entry->alias_count == 0);
        (void)strlen(entry->host_name);
        break;
    case APM_ERROR_ARGUMENT:
    case APM_ERROR_ARGUMENT_OUT_OF_RANGE:
    case APM_ERROR_HOST_NOT_FOUND:
    case APM_ERROR_NO_RECOVERY:
    case APM_ERROR_OUT_OF_MEMORY:
    case APM_ERROR_NO_BUFFER_SPACE_AVAILABLE:
    case APM_ERROR_FORMAT:
    case APM_ERROR_TRY_AGAIN: FUZZ_CHECK(entry == NULL); break;
    default: FUZZ_SUCCESS(error);
    }
    apm_host_entry_free(entry);
}

static void look_up_addresses(const char *name)
{
    int before = questions;
    apm_host_entry *entry;
    apm_ip_address address;
    bool is_address = apm_ip_address_try_parse(name, &address);
    apm_error error = apm_dns_get_host_addresses(name, &entry);

    if (strlen(name) > APM_DNS_MAX_NAME_LENGTH) {
        FUZZ_CHECK(error == APM_ERROR_ARGUMENT_OUT_OF_RANGE || is_address);
        FUZZ_CHECK(questions == before);
    } else if (is_address) {
        FUZZ_CHECK(questions == before);
        FUZZ_CHECK(error == APM_ERROR_ARGUMENT || (error == APM_ERROR_SUCCESS && entry->address_count == 1));
    } else if (error == APM_ERROR_SUCCESS) {
        FUZZ_CHECK(name[0] == '\0' || strcmp(entry->host_name, name) == 0);
        check_answer(entry);
    } else {
        FUZZ_CHECK(answer.code != 0 || answer.count == 0);
    }
    check_entry(error, entry);
}

static void look_up_in_all_ways(const char *name)
{
    apm_host_entry *entry;
    apm_async_result result;
    apm_error error;

    look_up_addresses(name);
    error = apm_dns_get_host_entry(name, &entry);
    check_entry(error, entry);
    error = apm_dns_get_host_entry_family(name, APM_ADDRESS_FAMILY_INTER_NETWORK_V6, &entry);
    check_entry(error, entry);
    error = apm_dns_get_host_by_name(name, &entry);
    check_entry(error, entry);
    error = apm_dns_get_host_by_address(name, &entry);
    check_entry(error, entry);
    error = apm_dns_begin_resolve(name, NULL, NULL, &result);
    if (error == APM_ERROR_SUCCESS) {
        error = apm_dns_end_resolve(result, &entry);
        check_entry(error, entry);
        FUZZ_CHECK(apm_dns_end_resolve(result, &entry) == APM_ERROR_INVALID_OPERATION);
    }
}

static void check_dns_endpoint(const char *name, int port)
{
    apm_dns_endpoint endpoint;
    char text[2 * NAME_LIMIT];
    apm_error error = apm_dns_endpoint_create(name, port, APM_ADDRESS_FAMILY_UNSPECIFIED, &endpoint);

    FUZZ_CHECK((error == APM_ERROR_SUCCESS) == (name[0] != '\0'));
    if (error == APM_ERROR_SUCCESS) {
        FUZZ_CHECK(apm_dns_endpoint_equals(endpoint, endpoint));
        (void)apm_dns_endpoint_get_hash_code(endpoint);
        FUZZ_SUCCESS(apm_dns_endpoint_format(endpoint, text, sizeof text));
        FUZZ_CHECK(strstr(text, name) != NULL);
        FUZZ_CHECK(apm_dns_endpoint_format(endpoint, text, strlen(text)) == APM_ERROR_ARGUMENT_OUT_OF_RANGE);
    }
}

int FUZZ_TARGET(const uint8_t *bytes, size_t size)
{
    struct fuzz_input input = {bytes, size};
    char name[NAME_LIMIT];

    take_name(&input, name);
    take_answer(&input);
    check_dns_endpoint(name, (int)fuzz_number(&input));
    look_up_in_all_ways(name);
    return 0;
}
