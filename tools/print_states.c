/* SPDX-License-Identifier: Apache-2.0 */
/* Writes the diagram of the flow's states from the table that runs them: print_states > doc/states.md */
#include <stdio.h>

#include "flow/triage.h"

int main(void)
{
        puts("# The states of a message\n"
             "Made by `tools/print_states` from the table in `src/flow/triage.c`; a test says when it is out of date.\n\n"
             "```mermaid\nstateDiagram-v2");
        for (size_t from = 0; from < triage_state_count(); from++)
                for (size_t to = 0; to < triage_state_count(); to++)
                        if (triage_may_follow(from, to))
                                printf("    %s --> %s\n", triage_state_name(from), triage_state_name(to));
        puts("```");
        return 0;
}
