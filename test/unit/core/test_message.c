/* SPDX-License-Identifier: Apache-2.0 */
#include "unit/test.h"

#include "core/message.h"

static struct metadata_entry entries[] = {
        {{STR_INIT("order_id")}, {STR_INIT("ORD-1")}},
        {{STR_INIT("order")}, {STR_INIT("another")}},
        {{STR_INIT("empty")}, {STR_INIT("")}},
};

static void metadata_is_found_by_its_whole_key(void **state)
{
        (void)state;
        const struct message message = {.metadata = entries, .metadata_count = 3};
        assert_str_equal(message_metadata(&message, STR("order_id")).raw, "ORD-1");
        assert_str_equal(message_metadata(&message, STR("order")).raw, "another");
}

static void an_empty_value_is_there_and_an_unsent_one_is_absent(void **state)
{
        (void)state;
        const struct message message = {.metadata = entries, .metadata_count = 3};
        assert_non_null(message_metadata(&message, STR("empty")).raw.ptr);
        static const char *const unsent[] = {"", "o", "order_", "order_id2", "ORDER_ID"};
        for (size_t i = 0; i < sizeof unsent / sizeof *unsent; i++)
                assert_null(message_metadata(&message, str_from(unsent[i])).raw.ptr);
}

static void what_stands_behind_the_count_is_not_metadata(void **state)
{
        (void)state;
        const struct message message = {.metadata = entries, .metadata_count = 1};
        assert_null(message_metadata(&message, STR("order")).raw.ptr);
        assert_null(message_metadata(&(struct message){0}, STR("order")).raw.ptr);
}

static void contact_is_what_reaches_the_customer(void **state)
{
        (void)state;
        static const char *const contacts[] = {"customer_id", "phone", "Phone_Number", "email", "contact-E-Mail", "mobile"};
        static const char *const others[] = {"", "customer", "CUSTOMER_ID", "order_id", "mai", "phon", "conversation_id"};
        for (size_t i = 0; i < sizeof contacts / sizeof *contacts; i++)
                assert_true(message_is_contact(str_from(contacts[i])));
        for (size_t i = 0; i < sizeof others / sizeof *others; i++)
                assert_false(message_is_contact(str_from(others[i])));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(metadata_is_found_by_its_whole_key),
                cmocka_unit_test(an_empty_value_is_there_and_an_unsent_one_is_absent),
                cmocka_unit_test(what_stands_behind_the_count_is_not_metadata),
                cmocka_unit_test(contact_is_what_reaches_the_customer),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
