/* SPDX-License-Identifier: Apache-2.0 */
#include "text/model.h"

extern const char model_embedded_begin[] __attribute__((visibility("hidden")));
extern const char model_embedded_end[] __attribute__((visibility("hidden")));

struct str model_embedded(void)
{
        return (struct str){model_embedded_begin, (size_t)(model_embedded_end - model_embedded_begin)};
}
