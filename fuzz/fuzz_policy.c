/* SPDX-License-Identifier: Apache-2.0 */
/* The YAML that people write: a settings file, or one file of a policy beside the two shipped ones.
 * It is taken or refused with a note; what is taken can be used.
 *
 * The first byte chooses: 's' a settings file; 'r', 't', 'f' the whole of replies, taxonomy, safety;
 * 'R', 'T', 'F' the shipped file with a splice: two bytes say where, one how many bytes are cut out,
 * and the rest stands there instead. */
#include "fuzz.h"

#include <sys/mman.h>
#include <unistd.h>

#include "base/json_reader.h"
#include "policy/policy_parts.h"
#include "policy/settings.h"

/* Files in memory, and a directory of links to them while they are loaded: the loaders want names. */
static int files[POLICY_FILE_COUNT];
static char directory[32];

static void file_name(enum policy_file file, char ret_path[64])
{
        snprintf(ret_path, 64, "%s/%s", directory, policy_file_name(file));
}

static void make_files(void)
{
        for (enum policy_file i = 0; i < POLICY_FILE_COUNT; i++) {
                files[i] = memfd_create("policy", MFD_CLOEXEC);
                assert(files[i] >= 0);
        }
}

static void link_files(void)
{
        snprintf(directory, sizeof directory, "/tmp/fuzz_policy.XXXXXX");
        bool is_made = mkdtemp(directory) != NULL;
        for (enum policy_file i = 0; i < POLICY_FILE_COUNT; i++) {
                char path[64];
                char target[64];
                snprintf(target, sizeof target, "/proc/self/fd/%d", files[i]);
                file_name(i, path);
                is_made = is_made && symlink(target, path) == 0;
        }
        assert(is_made);
}

static void unlink_files(void)
{
        char path[64];
        for (enum policy_file i = 0; i < POLICY_FILE_COUNT; i++) {
                file_name(i, path);
                unlink(path);
        }
        rmdir(directory);
}

static void write_file(enum policy_file file, struct str before, struct str middle, struct str after)
{
        bool is_written = ftruncate(files[file], 0) == 0 && lseek(files[file], 0, SEEK_SET) == 0;
        const struct str parts[] = {before, middle, after};
        for (size_t i = 0; i < 3; i++)
                is_written &= write(files[file], parts[i].ptr, parts[i].len) == (ssize_t)parts[i].len;
        assert(is_written);
}

static void write_spliced(enum policy_file file, struct str input)
{
        struct str text = policy_builtin(file);
        size_t at = fuzz_take_byte(&input);
        at = at << 8 | fuzz_take_byte(&input);
        at = at < text.len ? at : text.len;
        size_t cut = fuzz_take_byte(&input);
        cut = cut < text.len - at ? cut : text.len - at;
        struct str after = {text.ptr + at + cut, text.len - at - cut};
        write_file(file, (struct str){text.ptr, at}, input, after);
}

static void use_policy(const struct policy *policy)
{
        const struct policy_facts *facts = policy_facts(policy);
        assert(facts->version.len > 0 && facts->escalate && facts->answer && facts->no_answer);
        for (enum channel channel = 0; channel < CHANNEL_COUNT; channel++) {
                struct str locale;
                struct str reply =
                        policy_reply(policy, facts->escalate->reply, channel, STR("de-AT"), &locale);
                assert(reply.len > 0 && utf8_is_valid(reply) && locale.len > 0);
                struct arena arena;
                arena_init(&arena, 1 << 20);
                assert(policy_fill(&arena, reply, NULL, 0).ptr);
                arena_deinit(&arena);
        }
        safety_net_scan(facts->safety_net,
                        (struct raw_text){STR("I have chest pain after taking the pills")});
}

static void load_policy(void)
{
        struct policy *policy = NULL;
        struct err_note note = {0};
        if (policy_load(directory, &policy, &note) != ERR_OK) {
                assert(note.text[0] && !policy);
                return;
        }
        use_policy(policy);
        policy_unref(policy);
}

/* What is taken is also what a second reading of its own print takes. */
static void load_settings(void)
{
        char path[64];
        file_name(0, path);
        char flag[] = "--config";
        char *items[] = {flag, path, NULL};
        char *environment[] = {NULL};
        struct settings_args args = {items, 2, NULL};
        struct settings settings;
        struct err_note note = {0};
        if (settings_load(&args, environment, &settings, &note) != ERR_OK) {
                assert(note.text[0]);
                return;
        }
        struct buf printed;
        buf_init(&printed, SETTINGS_FILE_MAX_BYTES);
        settings_print(&settings, &printed);
        settings_free(&settings);
        write_file(0, buf_str(&printed), STR(""), STR(""));
        assert(!printed.is_over);
        buf_deinit(&printed);
        args = (struct settings_args){(char *[]){flag, path, NULL}, 2, NULL};
        enum err err = settings_load(&args, environment, &settings, &note);
        assert(err == ERR_OK);
        settings_free(&settings);
}

/* The other files are the shipped ones. */
static void write_policy(enum policy_file file, struct str input, bool is_splice)
{
        for (enum policy_file i = 0; i < POLICY_FILE_COUNT; i++)
                write_file(i, policy_builtin(i), STR(""), STR(""));
        if (is_splice)
                write_spliced(file, input);
        else
                write_file(file, input, STR(""), STR(""));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static const struct str kinds = STR_INIT("trfTRF"); /* in the order of enum policy_file */
        struct str input = fuzz_input(data, size);
        char kind = (char)fuzz_take_byte(&input);
        const char *found = memchr(kinds.ptr, kind, kinds.len);
        if (kind != 's' && !found)
                return 0;
        if (!files[0])
                make_files();
        link_files();
        if (found) {
                size_t index = (size_t)(found - kinds.ptr);
                write_policy((enum policy_file)(index % POLICY_FILE_COUNT), input,
                             index >= POLICY_FILE_COUNT);
                load_policy();
        } else {
                write_file(0, input, STR(""), STR(""));
                load_settings();
        }
        unlink_files();
        return 0;
}
