/*
 * Connect plans: the order of a race.
 */
#include "connect_plan.h"

#include <stdlib.h>
#include <string.h>

#include "harness.h"

/* A plan of endpoints whose families are given by letters; the ports count up from 1. */
static struct apm__connect_plan *plan_of(const char *families)
{
    struct apm__connect_plan *plan = apm__connect_plan_create(strlen(families), true);

    CHECK(plan != NULL);
    for (; families[plan->count] != '\0'; plan->count++) {
        apm_endpoint *endpoint = &plan->endpoints[plan->count];

        endpoint->address.family = families[plan->count] == '6' ? APM_ADDRESS_FAMILY_INTER_NETWORK_V6
                                                                : APM_ADDRESS_FAMILY_INTER_NETWORK;
        endpoint->port = (uint16_t)(plan->count + 1);
    }
    return plan;
}

/* Checks the order by ports, each a digit, and which of them was the last of the list. */
static void check_order(const char *families, const char *ports, size_t last)
{
    struct apm__connect_plan *plan = plan_of(families);
    char order[16] = "";

    apm__connect_plan_interleave(plan);
    for (size_t i = 0; i < plan->count; i++) {
        order[i] = (char)('0' + plan->endpoints[i].port);
        CHECK_EQ(plan->endpoints[i].address.family == APM_ADDRESS_FAMILY_INTER_NETWORK_V6,
                 families[plan->endpoints[i].port - 1] == '6');
    }
    CHECK_STR(order, ports);
    CHECK_EQ(plan->race->last, last);
    apm__os_free(plan);
}

TEST(the_families_take_turns_beginning_with_that_of_the_first)
{
    check_order("6666444", "1526374", 5);
    check_order("6644", "1324", 3);
    check_order("4466", "1324", 3);
    check_order("66664", "15234", 1);
    check_order("46666", "12345", 4);
    check_order("644446", "126345", 2);
}

TEST(what_is_of_one_family_or_in_turn_already_stays_as_it_is)
{
    check_order("6", "1", 0);
    check_order("66", "12", 1);
    check_order("444", "123", 2);
    check_order("6464", "1234", 3);
    check_order("4646", "1234", 3);
}

TEST(every_order_of_families_keeps_all_endpoints_and_the_order_within_a_family)
{
    for (unsigned bits = 0; bits < 256; bits++) {
        char families[9] = "";
        struct apm__connect_plan *plan;
        unsigned seen = 0;
        unsigned latest[2] = {0, 0};

        for (int i = 0; i < 8; i++) {
            families[i] = bits >> i & 1 ? '6' : '4';
        }
        plan = plan_of(families);
        apm__connect_plan_interleave(plan);
        for (size_t i = 0; i < 8; i++) {
            unsigned port = plan->endpoints[i].port;
            bool is_six = families[port - 1] == '6';

            CHECK(port > latest[is_six]);
            latest[is_six] = port;
            seen |= 1u << port;
        }
        CHECK_EQ(seen, 0x1fe);
        CHECK_EQ(plan->endpoints[plan->race->last].port, 8);
        apm__os_free(plan);
    }
}

TEST_MAIN()
