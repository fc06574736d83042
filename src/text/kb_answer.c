/* SPDX-License-Identifier: Apache-2.0 */
#include "text/kb_answer.h"

#include <math.h>

double kb_answer_probability(const struct kb_signals *signals)
{
        double sum = 0;
#define KB_SIGNAL(name, weight) sum += (weight) * (double)signals->name;
#include "text/kb_answer.def"
#undef KB_SIGNAL
        return 1 / (1 + exp(-sum));
}
