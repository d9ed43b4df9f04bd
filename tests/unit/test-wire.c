#include "lib/wire.h"

#include <errno.h>

#include "tests/unit/test.h"

static void check_message(struct wire_buffer *w, const char *expected)
{
        const char *message = NULL;
        size_t len = 0;

        CHECK_INT(wire_next(w, &message, &len), 1);
        CHECK_STR(message, expected);
        CHECK_INT(len, strlen(expected));
}

static void check_none(struct wire_buffer *w, int expected)
{
        const char *message = "untouched";
        size_t len = 77;

        CHECK_INT(wire_next(w, &message, &len), expected);
        CHECK_STR(message, "untouched");
        CHECK_INT(len, 77);
}

/* The same stream, cut at every size of piece, gives the same messages. */
static void test_pieces(void)
{
        static const char stream[] = "{\"a\":1}\0\0x\0longer than the others";
        const char *expected[] = {"{\"a\":1}", "", "x", "longer than the others"};

        for (size_t piece = 1; piece <= sizeof(stream); piece++) {
                struct wire_buffer w;
                size_t n = 0;

                wire_init(&w, 100);
                for (size_t at = 0; at < sizeof(stream); at += piece) {
                        size_t len = sizeof(stream) - at < piece ? sizeof(stream) - at : piece;
                        const char *message;
                        size_t message_len;

                        CHECK_INT(wire_append(&w, stream + at, len), 0);
                        while (wire_next(&w, &message, &message_len) > 0) {
                                CHECK(n < 4);
                                CHECK_STR(message, expected[n]);
                                CHECK_INT(message_len, strlen(expected[n++]));
                        }
                }
                CHECK_INT(n, 4);
                CHECK(!wire_is_partial(&w));
                wire_finish(&w);
        }
}

static void test_maximum(void)
{
        struct wire_buffer w;

        wire_init(&w, 4);
        CHECK_INT(wire_append(&w, "1234\0ab", 7), 0);
        check_message(&w, "1234");
        check_none(&w, 0);
        CHECK(wire_is_partial(&w));
        CHECK_INT(wire_append(&w, "cd", 2), 0);
        check_none(&w, 0);
        CHECK_INT(wire_append(&w, "e", 1), 0);
        check_none(&w, -EMSGSIZE);
        check_none(&w, -EMSGSIZE);
        wire_finish(&w);

        wire_init(&w, 4);
        CHECK_INT(wire_append(&w, "12345\0", 6), 0);
        check_none(&w, -EMSGSIZE);
        wire_finish(&w);
}

/* After a large message the buffer is small again; what followed it is kept. */
static void test_shrinks(void)
{
        struct wire_buffer w;
        char large[3 * WIRE_KEEP];
        char *room;
        size_t size;

        memset(large, 'x', sizeof(large));
        large[sizeof(large) - 1] = '\0';
        wire_init(&w, WIRE_RUN_MAX);
        CHECK_INT(wire_append(&w, large, sizeof(large)), 0);
        CHECK_INT(wire_append(&w, "tail", 5), 0);
        check_message(&w, large);
        CHECK_INT(wire_reserve(&w, 10, &room, &size), 0);
        check_message(&w, "tail");
        CHECK_INT(wire_reserve(&w, 10, &room, &size), 0);
        CHECK(w.allocated <= WIRE_KEEP && size >= 10);
        wire_finish(&w);
        wire_finish(NULL);
}

int main(void)
{
        struct wire_buffer empty;

        wire_init(&empty, 10);
        check_none(&empty, 0);
        CHECK_INT(wire_append(&empty, "", 0), 0);
        wire_finish(&empty);
        test_pieces();
        test_maximum();
        test_shrinks();
        return 0;
}
