/*
 * Owns the parser of responses. A line that lies in the input as a whole is read there; only one that is cut by the end
 * of the input is gathered in the parser.
 */
#include "load_http.h"

#include <ctype.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

struct text {
    const char *bytes;
    size_t size;
};

void http_start(struct http_parser *parser)
{
    parser->state = HTTP_STATUS;
    parser->line_bytes = 0;
}

static enum http_outcome refuse(struct http_parser *parser, const char *why)
{
    parser->wrong = why;
    return HTTP_WRONG;
}

/*
 * Takes a line, without its end, out of the input; false if its end has not come, or the line is too long, which is
 * said in parser->wrong.
 */
static bool take_line(struct http_parser *parser, struct text *input, struct text *line)
{
    const char *end = memchr(input->bytes, '\n', input->size);
    size_t size = end == NULL ? input->size : (size_t)(end - input->bytes) + 1;

    *line = (struct text){input->bytes, size};
    if (size > sizeof parser->line - parser->line_bytes) {
        parser->wrong = "line_too_long";
        return false;
    }
    if (end == NULL || parser->line_bytes > 0) {
        memcpy(parser->line + parser->line_bytes, input->bytes, size);
        parser->line_bytes += size;
        *line = (struct text){parser->line, parser->line_bytes};
    }
    input->bytes += size;
    input->size -= size;
    if (end == NULL)
        return false;
    parser->line_bytes = 0;
    line->size--;
    if (line->size > 0 && line->bytes[line->size - 1] == '\r')
        line->size--;
    return true;
}

static bool is_digit(char letter)
{
    return letter >= '0' && letter <= '9';
}

static bool read_status_line(struct http_parser *parser, struct text line)
{
    const char *text = line.bytes;

    if (line.size < 12 || memcmp(text, "HTTP/1.", 7) != 0 || (text[7] != '0' && text[7] != '1') || text[8] != ' ' ||
        !is_digit(text[9]) || !is_digit(text[10]) || !is_digit(text[11]) || (line.size > 12 && text[12] != ' '))
        return false;
    parser->status = (unsigned)((text[9] - '0') * 100 + (text[10] - '0') * 10 + (text[11] - '0'));
    parser->is_last = text[7] == '0';
    parser->has_length = parser->is_chunked = parser->has_coding = false;
    parser->body_bytes = 0;
    parser->lines = 0;
    return parser->status >= 100;
}

static bool is_name(struct text name, const char *lower)
{
    return name.size == strlen(lower) && strncasecmp(name.bytes, lower, name.size) == 0;
}

/* Takes the next element of a list with commas, without the blanks around it; false after the last. */
static bool take_element(struct text *list, struct text *element)
{
    const char *comma;

    if (list->size == 0)
        return false;
    comma = memchr(list->bytes, ',', list->size);
    *element = (struct text){list->bytes, comma == NULL ? list->size : (size_t)(comma - list->bytes)};
    list->bytes += element->size + (comma != NULL);
    list->size -= element->size + (comma != NULL);
    while (element->size > 0 && (element->bytes[0] == ' ' || element->bytes[0] == '\t'))
        element->bytes++, element->size--;
    while (element->size > 0 && (element->bytes[element->size - 1] == ' ' || element->bytes[element->size - 1] == '\t'))
        element->size--;
    return true;
}

static bool read_number(struct text text, unsigned base, uint64_t *number)
{
    *number = 0;
    for (size_t i = 0; i < text.size; i++) {
        unsigned char letter = (unsigned char)tolower((unsigned char)text.bytes[i]);
        unsigned digit = is_digit((char)letter)           ? (unsigned)(letter - '0')
                         : letter >= 'a' && letter <= 'f' ? (unsigned)(letter - 'a') + 10
                                                          : base;
        if (digit >= base || *number > (UINT64_MAX - digit) / base)
            return false;
        *number = *number * base + digit;
    }
    return text.size > 0;
}

static const char *read_header(struct http_parser *parser, struct text line)
{
    const char *colon = memchr(line.bytes, ':', line.size);
    struct text name = {line.bytes, colon == NULL ? 0 : (size_t)(colon - line.bytes)};
    struct text value = {line.bytes + name.size + 1, line.size - name.size - (colon != NULL)};
    struct text element;

    if (++parser->lines > HTTP_LINES_MOST)
        return "too_many_headers";
    if (name.size == 0 || memchr(name.bytes, ' ', name.size) != NULL || memchr(name.bytes, '\t', name.size) != NULL)
        return "bad_header";
    if (is_name(name, "content-length")) {
        uint64_t length;
        while (take_element(&value, &element)) {
            if (!read_number(element, 10, &length) || (parser->has_length && length != parser->left))
                return "bad_content_length";
            parser->left = length;
            parser->has_length = true;
        }
    } else if (is_name(name, "transfer-encoding")) {
        while (take_element(&value, &element)) {
            parser->is_chunked = is_name(element, "chunked");
            parser->has_coding = !parser->is_chunked;
        }
    } else if (is_name(name, "connection")) {
        while (take_element(&value, &element))
            if (is_name(element, "close"))
                parser->is_last = true;
            else if (is_name(element, "keep-alive"))
                parser->is_last = false;
    }
    return NULL;
}

static enum http_outcome finish(struct http_parser *parser)
{
    parser->state = HTTP_STATUS;
    if (parser->expected != NULL && parser->body_bytes != parser->expected_bytes && parser->status == 200)
        return refuse(parser, "body_differs");
    return HTTP_DONE;
}

/* After the empty line: what comes now. */
static enum http_outcome finish_headers(struct http_parser *parser)
{
    if (parser->status == 101)
        return refuse(parser, "switching_protocols");
    if (parser->status < 200) {
        parser->state = HTTP_STATUS;
        return HTTP_MORE;
    }
    if (parser->status == 204 || parser->status == 304)
        return finish(parser);
    if (parser->is_chunked) {
        parser->state = HTTP_CHUNK_SIZE;
    } else if (parser->has_length && !parser->has_coding) {
        parser->state = HTTP_BODY;
        if (parser->left == 0)
            return finish(parser);
    } else {
        parser->state = HTTP_BODY_TO_END;
        parser->is_last = true;
    }
    return HTTP_MORE;
}

static enum http_outcome read_line(struct http_parser *parser, struct text line)
{
    struct text size = line;
    const char *why;

    switch (parser->state) {
    case HTTP_STATUS:
        if (!read_status_line(parser, line))
            return refuse(parser, "bad_status_line");
        parser->state = HTTP_HEADER;
        return HTTP_MORE;
    case HTTP_HEADER:
        if (line.size == 0)
            return finish_headers(parser);
        why = read_header(parser, line);
        return why == NULL ? HTTP_MORE : refuse(parser, why);
    case HTTP_CHUNK_SIZE:
        for (size.size = 0; size.size < line.size && isxdigit((unsigned char)line.bytes[size.size]);)
            size.size++;
        if (!read_number(size, 16, &parser->left) ||
            (size.size < line.size && strchr("; \t", line.bytes[size.size]) == NULL))
            return refuse(parser, "bad_chunk");
        parser->state = parser->left == 0 ? HTTP_TRAILER : HTTP_CHUNK;
        return HTTP_MORE;
    case HTTP_CHUNK_END:
        parser->state = HTTP_CHUNK_SIZE;
        return line.size == 0 ? HTTP_MORE : refuse(parser, "bad_chunk");
    case HTTP_TRAILER:
        if (line.size == 0)
            return finish(parser);
        return ++parser->lines > HTTP_LINES_MOST ? refuse(parser, "too_many_headers") : HTTP_MORE;
    default: return refuse(parser, "bad_state");
    }
}

/* Takes bytes of the body, up to the end of what `left` says. */
static enum http_outcome take_body(struct http_parser *parser, struct text *input)
{
    bool is_to_end = parser->state == HTTP_BODY_TO_END;
    size_t part = is_to_end || input->size < parser->left ? input->size : (size_t)parser->left;

    if (parser->expected != NULL && parser->status == 200 &&
        (part > parser->expected_bytes || parser->body_bytes > parser->expected_bytes - part ||
         memcmp(input->bytes, parser->expected + parser->body_bytes, part) != 0))
        return refuse(parser, "body_differs");
    parser->body_bytes += part;
    input->bytes += part;
    input->size -= part;
    if (is_to_end)
        return HTTP_MORE;
    parser->left -= part;
    if (parser->left > 0)
        return HTTP_MORE;
    if (parser->state == HTTP_BODY)
        return finish(parser);
    parser->state = HTTP_CHUNK_END;
    return HTTP_MORE;
}

enum http_outcome http_parse(struct http_parser *parser, const char *bytes, size_t size, size_t *taken)
{
    struct text input = {bytes, size};
    enum http_outcome outcome = HTTP_MORE;

    parser->wrong = NULL;
    while (outcome == HTTP_MORE && input.size > 0) {
        struct text line;
        if (parser->state == HTTP_BODY || parser->state == HTTP_BODY_TO_END || parser->state == HTTP_CHUNK)
            outcome = take_body(parser, &input);
        else if (take_line(parser, &input, &line))
            outcome = read_line(parser, line);
        else if (parser->wrong != NULL)
            outcome = HTTP_WRONG;
    }
    *taken = size - input.size;
    return outcome;
}

enum http_outcome http_end(struct http_parser *parser)
{
    if (parser->state == HTTP_BODY_TO_END)
        return finish(parser);
    return refuse(parser,
                  parser->state == HTTP_STATUS && parser->line_bytes == 0 ? "closed_by_server" : "response_cut_short");
}

static char status_names[1000][4];

static void write_status_names(void)
{
    for (unsigned status = 0; status < 1000; status++)
        snprintf(status_names[status], sizeof status_names[status], "%u", status % 1000);
}

const char *http_status_name(unsigned status)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    pthread_once(&once, write_status_names);
    return status_names[status % 1000];
}
