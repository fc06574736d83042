/* SPDX-License-Identifier: Apache-2.0 */
/* Writes the diagrams of the flow's states from the tables that run them: print_states > doc/states.md */
#include <stdio.h>

#include "flow/triage.h"

struct machine {
        size_t (*count)(void);
        const char *(*name)(size_t state);
        bool (*may_follow)(size_t state, size_t next);
};

static void print(const char *title, const struct machine *machine)
{
        printf("%s\n\n```mermaid\nstateDiagram-v2\n", title);
        for (size_t from = 0; from < machine->count(); from++)
                for (size_t to = 0; to < machine->count(); to++)
                        if (machine->may_follow(from, to))
                                printf("    %s --> %s\n", machine->name(from), machine->name(to));
        puts("```");
}

int main(void)
{
        static const struct machine triage = {triage_state_count, triage_state_name, triage_may_follow};
        static const struct machine flight = {flight_state_count, flight_state_name, flight_may_follow};
        print("# The states of a message\n"
              "Made by `tools/print_states` from the table in `src/flow/triage.c`; a test says when it is out of date.",
              &triage);
        print("\n# The states of a flight\n"
              "What `consult` waits for: identical messages share one flight, which asks LLMs. From `src/flow/flight.c`.",
              &flight);
        return 0;
}
