/* SPDX-License-Identifier: Apache-2.0 */
#include "unit/test.h"

#include <errno.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/base32.h"
#include "base/buf.h"
#include "base/hash.h"
#include "base/ident.h"
#include "base/timer_wheel.h"
#include "base/utf8.h"

static void an_arena_stops_at_its_maximum(void **state)
{
        (void)state;
        struct arena arena;
        arena_init(&arena, 10000);
        assert_non_null(arena_alloc(&arena, 9000));
        assert_false(arena.is_full);
        assert_null(arena_alloc(&arena, 2000));
        assert_true(arena.is_full);
        assert_null(arena_alloc(&arena, SIZE_MAX));
        arena_deinit(&arena);
        struct str copy = arena_format(&arena, "%d-%s", 7, "x");
        assert_str_equal(copy, "7-x");
        arena_deinit(&arena);
}

static void a_buffer_drops_what_is_over_its_maximum(void **state)
{
        (void)state;
        struct buf buf;
        buf_init(&buf, 8);
        buf_append_u64(&buf, 12345);
        buf_append_i64(&buf, -12345);
        assert_true(buf.is_over);
        assert_str_equal(buf_str(&buf), "12345");
        buf_reset(&buf);
        buf_append_i64(&buf, INT64_MIN % 1000000);
        assert_str_equal(buf_str(&buf), "-775808");
        buf_deinit(&buf);
}

static void base32_is_one_text_for_one_value(void **state)
{
        (void)state;
        char text[BASE32_CHARS + 1];
        uint64_t high, low;
        base32_encode(0xfedcba9876543210U, 0x0123456789abcdefU, text);
        assert_true(base32_decode(str_from(text), &high, &low));
        assert_true(high == 0xfedcba9876543210U && low == 0x0123456789abcdefU);
        text[0] = '8'; /* would be a 129th bit */
        assert_false(base32_decode(str_from(text), &high, &low));
        assert_false(base32_decode(STR("0"), &high, &low));
        assert_false(base32_decode(STR("0000000000000000000000000U"), &high, &low));
}

static void digests_are_the_standard_ones(void **state)
{
        (void)state;
        char hex[65];
        struct digest digest = digest_sha256(STR("abc"));
        digest_to_hex(&digest, hex);
        assert_string_equal(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        digest = digest_hmac_sha256(STR("Jefe"), STR("what do ya want for nothing?")); /* RFC 4231, case 2 */
        digest_to_hex(&digest, hex);
        assert_string_equal(hex, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
        assert_true(hash64(STR("a")) == hash64(STR("a")));
        assert_true(hash64(STR("a")) != hash64(STR("b")));
}

static void identifiers_hold_only_their_alphabet(void **state)
{
        (void)state;
        struct ident ident;
        assert_true(ident_from(STR("req_1.2:3-x"), &ident));
        assert_false(ident_from(STR(""), &ident));
        assert_false(ident_from(STR("a b"), &ident));
        assert_false(ident_from(STR("a\0b"), &ident));
        ident = ident_random("req_");
        assert_int_equal(ident_str(&ident).len, 30);
}

static int fired;

static void count(struct timer *timer)
{
        (void)timer;
        fired++;
}

static void timers_fire_when_due_and_not_before(void **state)
{
        (void)state;
        static struct timer_wheel wheel;
        struct timer soon = {.fire = count}, late = {.fire = count}, stopped = {.fire = count};
        timer_wheel_init(&wheel, 1000);
        timer_start(&wheel, &soon, 1100);
        timer_start(&wheel, &late, 1000 + 200000); /* more than one turn of the wheel */
        timer_start(&wheel, &stopped, 1100);
        timer_stop(&wheel, &stopped);
        timer_stop(&wheel, &stopped);
        fired = 0;
        timer_wheel_advance(&wheel, 1099);
        assert_int_equal(fired, 0);
        timer_wheel_advance(&wheel, 1116);
        assert_int_equal(fired, 1);
        timer_wheel_advance(&wheel, 150000);
        assert_int_equal(fired, 1);
        timer_wheel_advance(&wheel, 1000000);
        assert_int_equal(fired, 2);
        assert_int_equal(wheel.armed, 0);
}

static void text_is_cut_between_code_points(void **state)
{
        (void)state;
        struct str text = STR("a\xc3\xa9\xf0\x9f\x98\x80z");
        assert_int_equal(utf8_count(text), 4);
        assert_int_equal(utf8_cut(text, 2).len, 3);
        assert_int_equal(utf8_cut(text, 9).len, text.len);
        assert_int_equal(utf8_cut_bytes(text, 2).len, 1);
}

static void strings_are_cut_and_read(void **state)
{
        (void)state;
        struct str rest = STR("a,,b");
        assert_str_equal(str_split(&rest, ','), "a");
        assert_str_equal(str_split(&rest, ','), "");
        assert_str_equal(str_split(&rest, ','), "b");
        assert_null(rest.ptr);
        uint64_t value;
        assert_true(str_to_u64(STR("18446744073709551615"), &value));
        assert_false(str_to_u64(STR("18446744073709551616"), &value));
        assert_false(str_to_u64(STR("+1"), &value));
        assert_str_equal(str_trim(STR(" \t x y\r\n")), "x y");
        assert_int_equal(str_distance(STR("kitten"), STR("sitting")), 3);
        assert_int_equal(str_distance(STR(""), STR("abc")), 3);
        assert_true(str_distance(STR("a"), (struct str){(char[65]){0}, 65}) == SIZE_MAX);
}

static bool is_interrupted;

/* In the place of libc's: the first call is interrupted by a signal. */
ssize_t getrandom(void *to, size_t len, unsigned flags)
{
        if (is_interrupted) {
                is_interrupted = false;
                errno = EINTR;
                return -1;
        }
        return syscall(SYS_getrandom, to, len, flags);
}

static void random_bytes_survive_a_signal(void **state)
{
        (void)state;
        static const unsigned char zeros[4096];
        unsigned char bytes[sizeof zeros] = {0};
        is_interrupted = true;
        random_bytes(bytes, sizeof bytes);
        assert_false(is_interrupted);
        assert_memory_not_equal(bytes, zeros, sizeof bytes);
}

static void a_note_gathers_the_words_of_each_layer(void **state)
{
        (void)state;
        struct err_note note;
        assert_int_equal(err_set(&note, ERR_IO, "disk %d", 3), ERR_IO);
        assert_int_equal(err_prefix(&note, ERR_IO, "%s: ", "file"), ERR_IO);
        assert_string_equal(note.text, "file: disk 3");
        assert_string_equal(err_name(ERR_NO_SPACE), "no_space");
        assert_int_equal(err_set(NULL, ERR_IO, "nobody listens"), ERR_IO);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(an_arena_stops_at_its_maximum),
                cmocka_unit_test(a_buffer_drops_what_is_over_its_maximum),
                cmocka_unit_test(base32_is_one_text_for_one_value),
                cmocka_unit_test(digests_are_the_standard_ones),
                cmocka_unit_test(identifiers_hold_only_their_alphabet),
                cmocka_unit_test(timers_fire_when_due_and_not_before),
                cmocka_unit_test(text_is_cut_between_code_points),
                cmocka_unit_test(strings_are_cut_and_read),
                cmocka_unit_test(random_bytes_survive_a_signal),
                cmocka_unit_test(a_note_gathers_the_words_of_each_layer),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
