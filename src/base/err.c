/* SPDX-License-Identifier: Apache-2.0 */
#include "base/err.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>

static const struct {
        const char *name;
        bool may_retry;
        const char *text;
} table[ERR_COUNT] = {
#define ERR(symbol, name, may_retry, text) [ERR_##symbol] = {name, may_retry, text},
#include "base/err.def"
#undef ERR
};

const char *err_name(enum err err)
{
        assert(err < ERR_COUNT);
        return table[err].name;
}

const char *err_text(enum err err)
{
        assert(err < ERR_COUNT);
        return table[err].text;
}

bool err_may_retry(enum err err)
{
        assert(err < ERR_COUNT);
        return table[err].may_retry;
}

enum err err_set(struct err_note *note, enum err err, const char *format, ...)
{
        if (!note)
                return err;
        va_list args;
        va_start(args, format);
        vsnprintf(note->text, sizeof note->text, format, args);
        va_end(args);
        return err;
}

enum err err_prefix(struct err_note *note, enum err err, const char *format, ...)
{
        if (!note)
                return err;
        struct err_note below = *note;
        va_list args;
        va_start(args, format);
        int used = vsnprintf(note->text, sizeof note->text, format, args);
        va_end(args);
        if (used >= 0 && (size_t)used < sizeof note->text)
                snprintf(note->text + used, sizeof note->text - (size_t)used, "%s", below.text);
        return err;
}
