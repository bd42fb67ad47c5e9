/*
 * As much of HTTP/1.1 as a load generator needs: where a response ends, its status, and whether the connection stays.
 *
 * Responses with Content-Length, in chunks, without a body (204, 304), and those that the end of the connection ends;
 * 1xx in front of them. What breaks the syntax is named, and ends the connection, since nobody can say where the next
 * response begins. Stateless but for the parser, which its connection's lock guards.
 */
#ifndef BENCH_TOOLS_LOAD_HTTP_H
#define BENCH_TOOLS_LOAD_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HTTP_LINE_MOST 8192u
#define HTTP_LINES_MOST 256u

enum http_outcome {
    HTTP_MORE, /* all has been taken, and the response goes on */
    HTTP_DONE, /* the response has ended; what has not been taken belongs to the next */
    HTTP_WRONG /* parser->wrong says why */
};

struct http_parser {
    enum http_state {
        HTTP_STATUS,
        HTTP_HEADER,
        HTTP_BODY, /* `left` bytes of it */
        HTTP_BODY_TO_END /* up to the end of the connection */,
        HTTP_CHUNK_SIZE,
        HTTP_CHUNK, /* `left` bytes of it */
        HTTP_CHUNK_END,
        HTTP_TRAILER
    } state;
    const char *wrong;
    unsigned status;
    bool is_last; /* the connection ends with this response */
    bool has_length;
    bool is_chunked;
    bool has_coding; /* a transfer coding, the last of which is not chunked */
    uint64_t left;
    uint64_t body_bytes; /* received up to now */
    unsigned lines;

    /* The body that each response must have, or NULL. Immutable. */
    const char *expected;
    size_t expected_bytes;

    size_t line_bytes; /* of a line whose end has not come */
    char line[HTTP_LINE_MOST];
};

/* Prepares for the first response of a connection. */
void http_start(struct http_parser *parser);

/* Takes bytes; *taken is how many. After HTTP_DONE the next call begins with the next response. */
enum http_outcome http_parse(struct http_parser *parser, const char *bytes, size_t size, size_t *taken);

/* The connection has ended: HTTP_DONE if that ends a response. */
enum http_outcome http_end(struct http_parser *parser);

/* The name of a status for the table of errors, such as "404"; static. */
const char *http_status_name(unsigned status);

#endif
