/*
 * The name server's answers: RFC 1035 in as few lines as its tests need. It knows nothing of sockets.
 */
#include "support.h"

#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

enum {
    HEADER_SIZE = 12,
    TYPE_A = 1,
    TYPE_CNAME = 5,
    TYPE_PTR = 12,
    TYPE_AAAA = 28,
    CLASS_INTERNET = 1,
    CODE_SERVER_FAILURE = 2,
    CODE_NO_SUCH_NAME = 3,
    CODE_REFUSED = 5,
    NEVER = -1,
    SLOW_MS = 900
};

/* What the server knows of a name: records of the types, empty strings for none. */
typedef struct known_name {
    const char *name;
    const char *ipv4[2];   /* four bytes each */
    const char *ipv6;      /* sixteen bytes */
    const char *canonical; /* the name itself if NULL */
    const char *pointer;
    int code;
    int delay_ms;
} known_name;

#define LOOPBACK_4 "\177\0\0\1"
#define SECOND_4 "\177\0\0\2"
#define UNREACHABLE_4 "\306\63\144\1"
#define LOOPBACK_6 "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1"

static const known_name known_names[] = {
    {.name = "ok.example", .ipv4 = {LOOPBACK_4}},
    {.name = "dual.example", .ipv4 = {LOOPBACK_4}, .ipv6 = LOOPBACK_6},
    {.name = "multi.example", .ipv4 = {LOOPBACK_4, SECOND_4}},
    {.name = "mixed.example", .ipv4 = {UNREACHABLE_4, LOOPBACK_4}},
    {.name = "six.example", .ipv6 = LOOPBACK_6},
    {.name = "alias.example", .ipv4 = {LOOPBACK_4}, .canonical = "ok.example"},
    {.name = "nodata.example"},
    {.name = "servfail.example", .code = CODE_SERVER_FAILURE},
    {.name = "refused.example", .code = CODE_REFUSED},
    {.name = "timeout.example", .delay_ms = NEVER},
    {.name = "slow.example", .ipv4 = {LOOPBACK_4}, .delay_ms = SLOW_MS},
    {.name = "9.0.0.127.in-addr.arpa", .pointer = "ok.example"},
    {.name = "10.0.0.127.in-addr.arpa", .pointer = "nobody.example"},
};

/* An answer as it is written. */
struct writer {
    uint8_t *bytes;
    size_t size;
    size_t capacity;
};

static void put(struct writer *writer, const void *bytes, size_t size)
{
    CHECK(writer->size + size <= writer->capacity);
    memcpy(writer->bytes + writer->size, bytes, size);
    writer->size += size;
}

static void put_16(struct writer *writer, unsigned value)
{
    uint8_t bytes[2] = {(uint8_t)(value >> 8), (uint8_t)value};

    put(writer, bytes, sizeof bytes);
}

/* Writes a name as labels, each behind its length. */
static void put_name(struct writer *writer, const char *name)
{
    while (*name != '\0') {
        size_t length = strcspn(name, ".");
        uint8_t length_byte = (uint8_t)length;

        put(writer, &length_byte, 1);
        put(writer, name, length);
        name += length + (name[length] == '.');
    }
    put(writer, "", 1);
}

/* Reads the question's name; the offset behind it, or 0 if the query is malformed. */
static size_t read_name(const uint8_t *query, size_t size, char *name, size_t name_size)
{
    size_t offset = HEADER_SIZE;
    size_t length = 0;

    while (offset < size && query[offset] != 0) {
        size_t label = query[offset++];

        if (label > 63 || offset + label > size || length + label + 2 > name_size) {
            return 0;
        }
        if (length > 0) {
            name[length++] = '.';
        }
        memcpy(name + length, query + offset, label);
        length += label;
        offset += label;
    }
    name[length] = '\0';
    return offset + 5 <= size ? offset + 1 : 0;
}

static void put_record(struct writer *writer, const char *owner, unsigned type, const void *data, size_t size)
{
    put_name(writer, owner);
    put_16(writer, type);
    put_16(writer, CLASS_INTERNET);
    put_16(writer, 0);
    put_16(writer, 60);
    put_16(writer, (unsigned)size);
    put(writer, data, size);
}

static void put_name_record(struct writer *answer, const char *owner, unsigned type, const char *name)
{
    uint8_t bytes[256];
    struct writer data = {bytes, 0, sizeof bytes};

    put_name(&data, name);
    put_record(answer, owner, type, bytes, data.size);
}

/* Writes the records of the asked type; returns how many. */
static unsigned put_records(struct writer *answer, const known_name *known, unsigned type)
{
    const char *owner = known->canonical == NULL ? known->name : known->canonical;
    unsigned count = 0;

    if (known->canonical != NULL) {
        put_name_record(answer, known->name, TYPE_CNAME, known->canonical);
        count++;
    }
    for (size_t i = 0; type == TYPE_A && i < 2 && known->ipv4[i] != NULL; i++) {
        put_record(answer, owner, TYPE_A, known->ipv4[i], 4);
        count++;
    }
    if (type == TYPE_AAAA && known->ipv6 != NULL) {
        put_record(answer, owner, TYPE_AAAA, known->ipv6, 16);
        count++;
    }
    if (type == TYPE_PTR && known->pointer != NULL) {
        put_name_record(answer, owner, TYPE_PTR, known->pointer);
        count++;
    }
    return count;
}

static const known_name *find_name(const char *name)
{
    for (size_t i = 0; i < sizeof known_names / sizeof known_names[0]; i++) {
        if (strcasecmp(known_names[i].name, name) == 0) {
            return &known_names[i];
        }
    }
    return NULL;
}

size_t names_answer(const uint8_t *query, size_t size, uint8_t *answer, size_t capacity, int *delay_ms)
{
    char name[256];
    size_t question_end = size < HEADER_SIZE ? 0 : read_name(query, size, name, sizeof name);
    struct writer writer = {answer, 0, capacity};
    const known_name *known;
    unsigned type;
    unsigned count;

    if (question_end == 0) {
        return 0;
    }
    type = (unsigned)query[question_end] << 8 | query[question_end + 1];
    known = find_name(name);
    *delay_ms = known == NULL ? 0 : known->delay_ms;
    if (*delay_ms == NEVER) {
        return 0;
    }
    put(&writer, query, question_end + 4);
    answer[2] = 0x85; /* an answer, with authority, recursion wanted */
    answer[3] = (uint8_t)(0x80 | (known == NULL ? CODE_NO_SUCH_NAME : known->code));
    memset(answer + 4, 0, 8);
    answer[5] = 1;
    count = known == NULL || known->code != 0 ? 0 : put_records(&writer, known, type);
    answer[7] = (uint8_t)count;
    return writer.size;
}
