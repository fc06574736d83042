/* SPDX-License-Identifier: Apache-2.0 */
/* Orders, amounts and products in a text: each has the form that its header promises. */
#include "fuzz.h"

#include "base/json_reader.h"
#include "text/entities.h"

enum { ARENA_MAX_BYTES = 1 << 20, PRODUCT_MAX_BYTES = 60 };

static bool is_capital(char c)
{
        return c >= 'A' && c <= 'Z';
}

static void check_order(struct str order)
{
        assert(order.len > 0 && utf8_is_valid(order));
        bool has_digit = false;
        for (size_t i = 0; i < order.len; i++) {
                assert((unsigned char)order.ptr[i] > ' ' && (i > 0 || order.ptr[i] != '#'));
                has_digit |= order.ptr[i] >= '0' && order.ptr[i] <= '9';
        }
        assert(has_digit);
}

/* "19.90 EUR" */
static void check_amount(struct str amount)
{
        assert(amount.len >= 5);
        const char *code = amount.ptr + amount.len - 3;
        assert(code[-1] == ' ' && is_capital(code[0]) && is_capital(code[1]) && is_capital(code[2]));
        assert(amount.ptr[0] >= '0' && amount.ptr[0] <= '9');
        for (const char *at = amount.ptr; at < code - 1; at++)
                assert((*at >= '0' && *at <= '9') || *at == '.' || *at == ',');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct str text = fuzz_input(data, size);
        if (!utf8_is_valid(text))
                return 0; /* no safe_text is like this */
        struct arena arena;
        arena_init(&arena, ARENA_MAX_BYTES);
        struct entities found = {0};
        bool has_room = entities_find((struct safe_text){text}, &arena, &found);
        assert(has_room || arena.is_full || !text.ptr);
        if (found.order_id.safe.ptr)
                check_order(found.order_id.safe);
        if (found.amount.safe.ptr)
                check_amount(found.amount.safe);
        if (found.product.safe.ptr)
                assert(found.product.safe.len <= PRODUCT_MAX_BYTES && utf8_is_valid(found.product.safe));
        if (found.date.safe.ptr)
                assert(found.date.safe.len >= 5 && found.date.safe.len <= 10);
        arena_deinit(&arena);
        return 0;
}
