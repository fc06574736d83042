/* SPDX-License-Identifier: Apache-2.0 */
#include "unit/test.h"

#include "policy/settings_table.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static char file[] = "settings-XXXXXX.yaml";

static void write_file(struct str content)
{
        int fd = open(file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        assert_true(fd >= 0);
        assert_int_equal(write(fd, content.ptr, content.len), content.len);
        close(fd);
}

static int make_file(void **state)
{
        (void)state;
        int fd = mkstemps(file, 5);
        return fd < 0 ? -1 : close(fd);
}

static int remove_file(void **state)
{
        (void)state;
        return unlink(file);
}

enum { ARGS_MAX = 16 };

/* argv and environ are arrays of char *, and never written to: here they are made of literals. */
struct texts {
        char *items[ARGS_MAX + 1];
        size_t count;
};

static struct texts texts_from(const char *const *items)
{
        struct texts texts = {.count = 0};
        while (items && items[texts.count])
                texts.count++;
        assert_true(texts.count <= ARGS_MAX);
        memcpy(texts.items, items, texts.count * sizeof *items);
        return texts;
}

/* `flags` and `environment` are NULL-terminated. */
static enum err load(const char *const *flags, const char *const *environment, struct settings *ret_settings,
                     struct err_note *note)
{
        struct texts items = texts_from(flags);
        struct texts variables = environment ? texts_from(environment) : (struct texts){.count = 0};
        struct settings_args args = {items.items, items.count, NULL};
        return settings_load(&args, variables.items, ret_settings, note);
}

static enum err load_yaml(struct str content, struct settings *ret_settings, struct err_note *note)
{
        write_file(content);
        return load((const char *[]){"--config", file, NULL}, NULL, ret_settings, note);
}

static void defaults_hold_without_any_source(void **state)
{
        (void)state;
        struct settings settings;
        assert_ok(load((const char *[]){NULL}, NULL, &settings, NULL));
        assert_string_equal(settings.listen, "127.0.0.1:8080");
        assert_int_equal(settings.mode, MODE_LOCAL);
        assert_int_equal(settings.log_level, LOG_INFO);
        assert_int_equal(settings.rate_limit_per_minute, 60);
        assert_int_equal(settings.http_max_body_bytes, 262144);
        assert_true(settings.kb_seed_starter);
        assert_string_equal(settings.llm_api_key, "");
        assert_null(settings.config_path);
        settings_free(&settings);
        settings_free(&settings);
}

static void a_file_sets_values_and_remembers_their_lines(void **state)
{
        (void)state;
        struct settings settings;
        struct err_note note = {""};
        enum err err = load_yaml(
                STR("# ours\n---\nlisten: '[::1]:0'\nworkers: 3\nhttp:\n  max_body_bytes: 64KiB\n\n"
                    "  max_headers: 100\nkb: {seed_starter: false}\nllm:\n  model: \"4\"\nlog.level: warn\n"),
                &settings, &note);
        assert_string_equal(note.text, "");
        assert_ok(err);
        assert_string_equal(settings.listen, "[::1]:0");
        assert_int_equal(settings.origins[SETTING_listen].line, 3);
        assert_int_equal(settings.workers, 3);
        assert_int_equal(settings.http_max_body_bytes, 65536);
        assert_int_equal(settings.http_max_headers, 100);
        assert_int_equal(settings.origins[SETTING_http_max_headers].line, 8);
        assert_false(settings.kb_seed_starter);
        assert_string_equal(settings.llm_model, "4");
        assert_int_equal(settings.log_level, LOG_WARN);
        assert_int_equal(settings.origins[SETTING_mode].layer, SETTING_DEFAULT);
        assert_string_equal(settings.config_path, file);
        settings_free(&settings);
}

static void an_empty_file_changes_nothing(void **state)
{
        (void)state;
        static const char *const contents[] = {"", "# only words\n", "---\n", "{}\n", "---\n...\n"};
        for (size_t i = 0; i < sizeof contents / sizeof *contents; i++) {
                struct settings settings;
                assert_ok(load_yaml(str_from(contents[i]), &settings, NULL));
                assert_int_equal(settings.workers, 0);
                settings_free(&settings);
        }
}

static const struct {
        const char *content;
        const char *reason; /* behind the file's name */
} bad_files[] = {
        {"workers: 1\nlistn: x\n", ":2: unknown key \"listn\"; the nearest known one is \"listen\""},
        {"llm:\n  base_ulr: x\n",
         ":2: unknown key \"llm.base_ulr\"; the nearest known one is \"llm.base_url\""},
        {"htpp:\n  max_headers: 9\n", ":1: unknown key \"htpp\"; the nearest known one is \"mode\""},
        {"\"a\\nb\\e\": 1\n", ":1: unknown key \"a?b?\"; the nearest known one is \"mode\""},
        {"http:\n  http:\n    max_headers: 9\n",
         ":2: unknown key \"http.http\"; the nearest known one is \"llm.http2\""},
        {"workers: many\n", ":1: workers: \"many\" is not a whole number from 0 to 256"},
        {"\nworkers: 257\n", ":2: workers: \"257\" is not a whole number from 0 to 256"},
        {"workers: -1\n", ":1: workers: \"-1\" is not a whole number from 0 to 256"},
        {"workers: 1.5\n", ":1: workers: \"1.5\" is not a whole number from 0 to 256"},
        {"workers: 99999999999999999999\n",
         ":1: workers: \"99999999999999999999\" is not a whole number from 0 to 256"},
        {"workers: \"2\"\n", ":1: workers: is text in quotes, not a number"},
        {"workers:\n", ":1: workers: has no value"},
        {"workers: ~\n", ":1: workers: has no value"},
        {"workers: 1\nmode: llm\nworkers: 1\n", ":3: workers: set already on line 1"},
        {"http:\n  max_headers: 9\nhttp:\n  max_body_bytes: 4096\n", ":3: http: set already on line 1"},
        {"http:\n  max_headers: 9\nhttp.max_headers: 9\n", ":3: http.max_headers: set already on line 2"},
        {"mode: fast\n", ":1: mode: \"fast\" is not one of local, llm, cascade"},
        {"mode: Local\n", ":1: mode: \"Local\" is not one of local, llm, cascade"},
        {"log:\n  level: loud\n", ":2: log.level: \"loud\" is not one of debug, info, warn, error"},
        {"insecure_listen: yes\n", ":1: insecure_listen: \"yes\" is not true or false"},
        {"insecure_listen: \"true\"\n", ":1: insecure_listen: is text in quotes, not a true or false"},
        {"data_dir: 5\n", ":1: data_dir: is a number, not text; put it in quotes"},
        {"data_dir: true\n", ":1: data_dir: is a true or false, not text; put it in quotes"},
        {"data_dir: ''\n", ":1: data_dir: \"\" is not text of 1 to 1024 bytes without control characters"},
        {"data_dir: \"a\\0b\"\n",
         ":1: data_dir: \"a?b\" is not text of 1 to 1024 bytes without control characters"},
        {"listen: 8080\n", ":1: listen: \"8080\" is not HOST:PORT (IPv6 in brackets, port 0 to 65535)"},
        {"listen: ::1:80\n", ":1: listen: \"::1:80\" is not HOST:PORT (IPv6 in brackets, port 0 to 65535)"},
        {"listen: 'a b:80'\n", ":1: listen: \"a b:80\" is not HOST:PORT (IPv6 in brackets, port 0 to 65535)"},
        {"listen: h:65536\n", ":1: listen: \"h:65536\" is not HOST:PORT (IPv6 in brackets, port 0 to 65535)"},
        {"listen: 'h:'\n", ":1: listen: \"h:\" is not HOST:PORT (IPv6 in brackets, port 0 to 65535)"},
        {"llm:\n  base_url: ftp://x\n",
         ":2: llm.base_url: \"ftp://x\" is not a URL with http:// or https:// of at most 1024 bytes"},
        {"http:\n  max_body_bytes: 1MB\n",
         ":2: http.max_body_bytes: \"1MB\" is not a number of bytes from 1024 to "
         "16777216 (KiB, MiB, GiB allowed)"},
        {"http:\n  max_body_bytes: 17MiB\n",
         ":2: http.max_body_bytes: \"17MiB\" is not a number of bytes from 1024 "
         "to 16777216 (KiB, MiB, GiB allowed)"},
        {"http: 5\n", ":1: http: is a section: its settings go below it, indented"},
        {"http:\nworkers: 2\n", ":1: http: is a section: its settings go below it, indented"},
        {"listen:\n  host: x\n", ":2: listen: is a section, not a value"},
        {"listen: [a, b]\n", ":1: no setting is a list, but llm.upstreams"},
        {"- listen\n", ":1: no setting is a list, but llm.upstreams"},
        {"listen\n", ":1: the file must hold `key: value` lines"},
        {"? {a: b}\n: c\n", ":1: a key must be a name"},
        {"data_dir: &a x\npolicy_dir: *a\n", ":1: anchors, aliases and tags are not allowed"},
        {"workers: !!int 5\n", ":1: anchors, aliases and tags are not allowed"},
        {"http: &h\n  max_headers: 9\n", ":1: anchors, aliases and tags are not allowed"},
        {"policy_dir: *a\n", ":1: anchors, aliases and tags are not allowed"},
        {"workers: 1\n---\nworkers: 2\n", ":2: a second document"},
        {"workers: 1\n\tmode: llm\n", ":2: not YAML: found a tab character that violates indentation"},
        {"mode: \"open\n", ":2: not YAML: found unexpected end of stream"},
        {"llm:\n  api_key: \"se\\u0007cret\"\n",
         ":2: llm.api_key: the value is not text of 0 to 4096 bytes without control characters"},
};

static void a_bad_file_is_refused_with_line_and_reason(void **state)
{
        (void)state;
        for (size_t i = 0; i < sizeof bad_files / sizeof *bad_files; i++) {
                struct settings settings;
                struct err_note note = {""};
                char expected[512];
                snprintf(expected, sizeof expected, "%s%s", file, bad_files[i].reason);
                assert_int_not_equal(load_yaml(str_from(bad_files[i].content), &settings, &note), ERR_OK);
                assert_string_equal(note.text, expected);
        }
}

static void a_file_that_cannot_be_read_is_named(void **state)
{
        (void)state;
        struct settings settings;
        struct err_note note;
        assert_int_equal(load((const char *[]){"--config=/nowhere/x.yaml", NULL}, NULL, &settings, &note),
                         ERR_NOT_FOUND);
        assert_string_equal(note.text, "/nowhere/x.yaml: No such file or directory");
        assert_int_equal(load((const char *[]){"--config=/", NULL}, NULL, &settings, &note), ERR_IO);
        assert_string_equal(note.text, "/: Is a directory");
        assert_int_equal(load((const char *[]){"--config=/dev/zero", NULL}, NULL, &settings, &note),
                         ERR_TOO_LARGE);
        assert_string_equal(note.text, "/dev/zero: over 1048576 bytes");
}

static void a_bad_variable_or_flag_is_refused_by_name(void **state)
{
        (void)state;
        static const struct {
                const char *flags[4];
                const char *variable;
                const char *reason;
        } cases[] = {
                {{NULL},
                 "TRIAGED_LISTN=x",
                 "unknown variable \"TRIAGED_LISTN\"; the nearest known one is \"TRIAGED_LISTEN\""},
                {{NULL},
                 "TRIAGED_=x",
                 "unknown variable \"TRIAGED_\"; the nearest known one is \"TRIAGED_MODE\""},
                {{NULL}, "TRIAGED_MODE", "TRIAGED_MODE: \"\" is not one of local, llm, cascade"},
                {{NULL},
                 "TRIAGED_RATE_LIMIT_BURST=0",
                 "TRIAGED_RATE_LIMIT_BURST: \"0\" is not a whole number from 1 to 10000000"},
                {{NULL},
                 "TRIAGED_LLM_API_KEY=se\acret",
                 "TRIAGED_LLM_API_KEY: the value is not text of 0 to 4096 bytes without control characters"},
                {{"--listne", "x"},
                 "A=b",
                 "unknown flag \"--listne\"; the nearest known one is \"--listen\""},
                {{"--workers", "2", "--workers=2"}, "A=b", "--workers: given twice"},
                {{"--config", "x", "--config=y"}, "A=b", "--config: given twice"},
                {{"--workers"}, "A=b", "--workers: needs a value"},
                {{"--listen", "--mode=llm"}, "A=b", "--listen: needs a value"},
                {{"--workers="}, "A=b", "--workers: \"\" is not a whole number from 0 to 256"},
                {{"--insecure-listen=1"}, "A=b", "--insecure-listen: \"1\" is not true or false"},
        };
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
                struct settings settings;
                struct err_note note = {""};
                const char *environment[] = {cases[i].variable, NULL};
                assert_int_equal(load(cases[i].flags, environment, &settings, &note), ERR_INVALID);
                assert_string_equal(note.text, cases[i].reason);
        }
}

static void later_sources_win(void **state)
{
        (void)state;
        write_file(STR("workers: 1\nmode: llm\ndata_dir: from-file\n"));
        char config[64];
        snprintf(config, sizeof config, "TRIAGED_CONFIG=%s", file);
        const char *environment[] = {config,
                                     "HOME=/",
                                     "TRIAGED_WORKERS=2",
                                     "TRIAGED_MODE=cascade",
                                     "TRIAGED_LLM_BASE_URL=http://h/v1",
                                     NULL};
        struct settings settings;
        struct err_note note = {""};
        assert_ok(load((const char *[]){"--workers=3", NULL}, environment, &settings, &note));
        assert_int_equal(settings.workers, 3);
        assert_int_equal(settings.origins[SETTING_workers].layer, SETTING_FLAG);
        assert_int_equal(settings.mode, MODE_CASCADE);
        assert_int_equal(settings.origins[SETTING_mode].layer, SETTING_ENVIRONMENT);
        assert_string_equal(settings.data_dir, "from-file");
        assert_string_equal(settings.llm_base_url, "http://h/v1");
        settings_free(&settings);
}

static void what_is_not_a_setting_stays_on_the_command_line(void **state)
{
        (void)state;
        static const char *const own_flags[] = {"check", "limit=", NULL};
        static const char *const items[] = {
                "text", "--mode",    "llm", "--check",           "--limit", "5",  "--insecure-listen",
                "more", "--limit=6", "-",   "--kb-seed-starter", "false",   "--", "--mode",
                "--",   NULL};
        static const char *const kept[] = {"text",      "--check", "--limit", "5", "more",
                                           "--limit=6", "-",       "--mode",  "--"};
        struct texts texts = texts_from(items);
        struct settings_args args = {texts.items, texts.count, own_flags};
        struct settings settings;
        assert_ok(settings_load(&args, (char *[]){NULL}, &settings, NULL));
        assert_int_equal(settings.mode, MODE_LLM);
        assert_true(settings.insecure_listen);
        assert_false(settings.kb_seed_starter);
        assert_int_equal(args.count, sizeof kept / sizeof *kept);
        for (size_t i = 0; i < args.count; i++)
                assert_string_equal(args.items[i], kept[i]);
        settings_free(&settings);
}

static bool contains(struct str text, const char *part)
{
        return memmem(text.ptr, text.len, part, str_from(part).len) != NULL;
}

static void the_printed_configuration_names_origins_and_hides_secrets(void **state)
{
        (void)state;
        write_file(STR("mode: llm\nllm:\n  api_key: sk-hidden\ndata_dir: \"say \\\"hi\\\"\"\n"));
        struct settings settings;
        const char *flags[] = {"--config", file, "--workers=3", NULL};
        assert_ok(load(flags, (const char *[]){"TRIAGED_LISTEN=[::1]:1", NULL}, &settings, NULL));
        struct buf buf;
        buf_init(&buf, 65536);
        settings_print(&settings, &buf);
        char origin[64];
        snprintf(origin, sizeof origin, "# %s:3\n", file);
        struct str text = buf_str(&buf);
        assert_true(contains(text, "listen: \"[::1]:1\""));
        assert_true(contains(text, "# environment TRIAGED_LISTEN\n"));
        assert_true(contains(text, "# flag --workers\n"));
        assert_true(contains(text, "  api_key: \"***\""));
        assert_true(contains(text, origin));
        assert_false(contains(text, "sk-hidden"));
        settings_free(&settings);

        struct err_note note = {""};
        struct settings again;
        enum err err = load_yaml(text, &again, &note);
        assert_string_equal(note.text, "");
        assert_ok(err);
        assert_string_equal(again.data_dir, "say \"hi\"");
        assert_int_equal(again.workers, 3);
        for (enum setting setting = 0; setting < SETTING_COUNT; setting++)
                assert_int_equal(again.origins[setting].layer, SETTING_FILE);
        settings_free(&again);
        buf_deinit(&buf);
}

static void help_shows_each_flag(void **state)
{
        (void)state;
        struct buf buf;
        buf_init(&buf, 65536);
        settings_help(&buf);
        for (enum setting setting = 0; setting < SETTING_COUNT; setting++) {
                char name[SETTING_NAME_BYTES], flag[SETTING_NAME_BYTES + 6];
                setting_name(setting, SPELLING_FLAG, name);
                snprintf(flag, sizeof flag, "  --%s ", name);
                assert_true(contains(buf_str(&buf), flag));
        }
        assert_true(contains(buf_str(&buf), "(default local; one of local, llm, cascade)\n"));
        assert_false(buf.is_over);
        buf_deinit(&buf);
}

static void no_two_settings_share_a_name(void **state)
{
        (void)state;
        for (int spelling = SPELLING_KEY; spelling <= SPELLING_FLAG; spelling++) {
                for (enum setting setting = 0; setting < SETTING_COUNT; setting++) {
                        char name[SETTING_NAME_BYTES];
                        setting_name(setting, (enum setting_spelling)spelling, name);
                        assert_int_equal(setting_find(str_from(name), (enum setting_spelling)spelling),
                                         setting);
                }
        }
        char name[SETTING_NAME_BYTES];
        setting_name(SETTING_rate_limit_per_minute, SPELLING_ENVIRONMENT, name);
        assert_string_equal(name, "TRIAGED_RATE_LIMIT_PER_MINUTE");
}

#define TWO_UPSTREAMS "llm:\n  model: m\n  api_key: flat\n  timeout_ms: 700\n  upstreams:\n" \
        "    - name: first\n      base_url: http://a/v1\n      api_key_file: /k\n" \
        "    - name: second\n      base_url: http://b/v1\n      model: other\n      temperature: 0.5\n"

static void an_upstream_is_the_flat_settings_and_what_it_says_itself(void **state)
{
        (void)state;
        struct settings settings;
        struct err_note note = {0};
        assert_ok(load_yaml(STR("mode: llm\n" TWO_UPSTREAMS), &settings, &note));
        assert_int_equal(settings.upstream_count, 2);
        const struct settings *first = settings.upstreams[0].settings, *second = settings.upstreams[1].settings;
        assert_string_equal(settings.upstreams[0].name, "first");
        assert_string_equal(first->llm_base_url, "http://a/v1");
        assert_string_equal(first->llm_model, "m");
        assert_string_equal(first->llm_api_key, ""); /* its own file stands for the flat key */
        assert_string_equal(second->llm_model, "other");
        assert_string_equal(second->llm_api_key, "flat");
        assert_true(first->llm_temperature < 0);
        assert_float_equal(second->llm_temperature, 0.5, 1e-9);
        assert_int_equal(second->llm_timeout_ms, 700);
        assert_ok(settings_check_llm(&settings, &note));
        /* What is printed is read again as the same. */
        struct buf printed;
        struct settings again;
        buf_init(&printed, 1 << 20);
        settings_print(&settings, &printed);
        assert_ok(load_yaml(buf_str(&printed), &again, &note));
        assert_int_equal(again.upstream_count, 2);
        assert_string_equal(again.upstreams[1].settings->llm_model, "other");
        settings_free(&again);
        buf_deinit(&printed);
        settings_free(&settings);
}

static void a_bad_upstream_is_refused_with_its_line(void **state)
{
        (void)state;
        static const struct {
                const char *yaml;
                const char *message;
        } cases[] = {
                {"llm:\n  upstreams: x\n", ":2: llm.upstreams: must be a list"},
                {"llm:\n  upstreams: [x]\n", ":2: llm.upstreams: must be a list"},
                {"llm:\n  upstreams:\n    - model: m\n", ":3: llm.upstreams: an upstream without a name"},
                {"llm:\n  upstreams:\n    - name: a\n    - name: a\n", ":4: llm.upstreams: name: another upstream is called a, too"},
                {"llm:\n  upstreams:\n    - name: a b\n", ":3: llm.upstreams: name: must be"},
                {"llm:\n  upstreams:\n    - name: a\n      retries: 3\n", ":4: llm.upstreams: \"retries\" is no key of an upstream"},
                {"llm:\n  upstreams:\n    - name: a\n      top_logprobs: 21\n", ":4: llm.upstreams: top_logprobs: \"21\" is not"},
                {"llm:\n  upstreams:\n    - name: a\n      model: m\n      model: n\n", ":5: llm.upstreams: model: set already"},
                {"llm:\n  upstreams: []\n  upstreams: []\n", ":3: llm.upstreams: set already"},
                {"llm:\n  upstreams: [{name: a}, {name: b}, {name: c}, {name: d}, {name: e}]\n", ":2: llm.upstreams: more than 4"},
                {"http:\n  idle_timeout_ms: [1]\n", ":2: no setting is a list, but llm.upstreams"},
        };
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
                struct settings settings;
                struct err_note note = {0};
                assert_int_not_equal(load_yaml(str_from(cases[i].yaml), &settings, &note), ERR_OK);
                if (!strstr(note.text, cases[i].message))
                        fail_msg("case %zu: %s", i, note.text);
        }
}

static void a_mode_with_an_llm_needs_one(void **state)
{
        (void)state;
        static const struct {
                const char *yaml;
                const char *message; /* NULL: it may start */
        } cases[] = {
                {"mode: local\n", NULL},
                {"mode: llm\n", "mode: llm needs an LLM: set llm.base_url"},
                {"mode: cascade\nllm:\n  base_url: http://a/v1\n", "mode: cascade needs llm.model"},
                {"mode: llm\nllm:\n  base_url: http://a/v1\n  model: m\n", NULL},
                {"mode: llm\nllm:\n  base_url: http://a/v1\n  model: m\n  api_key: k\n  api_key_file: f\n",
                 "llm.api_key and llm.api_key_file are both set"},
                {"mode: llm\nllm:\n  base_url: http://a/v1\n  upstreams: [{name: x}]\n", "upstream x: mode: llm needs llm.model"},
        };
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
                struct settings settings;
                struct err_note note = {0};
                assert_ok(load_yaml(str_from(cases[i].yaml), &settings, &note));
                enum err err = settings_check_llm(&settings, &note);
                assert_int_equal(err != ERR_OK, cases[i].message != NULL);
                if (cases[i].message && !strstr(note.text, cases[i].message))
                        fail_msg("case %zu: %s", i, note.text);
                settings_free(&settings);
        }
}

static void a_key_comes_from_a_file_that_is_its_owners_alone(void **state)
{
        (void)state;
        static const struct {
                const char *content;
                mode_t mode;
                enum err expected;
        } cases[] = {
                {"sk-1\n", 0600, ERR_OK},        {"sk-1", 0400, ERR_OK},       {"sk-1", 0640, ERR_FORBIDDEN},
                {"sk-1", 0604, ERR_FORBIDDEN},   {"", 0600, ERR_INVALID},      {"a\nb", 0600, ERR_INVALID},
        };
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
                struct settings settings;
                struct err_note note = {0};
                char *key = NULL;
                assert_ok(load((const char *[]){"--llm-api-key-file", file, NULL}, NULL, &settings, NULL));
                assert_int_equal(chmod(file, 0600), 0);
                write_file(str_from(cases[i].content));
                assert_int_equal(chmod(file, cases[i].mode), 0);
                assert_int_equal(settings_read_llm_key(&settings, &key, &note), cases[i].expected);
                if (key)
                        assert_string_equal(key, "sk-1");
                assert_null(strstr(note.text, "sk-1"));
                free(key);
                settings_free(&settings);
        }
        assert_int_equal(chmod(file, 0600), 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(defaults_hold_without_any_source),
                cmocka_unit_test(a_file_sets_values_and_remembers_their_lines),
                cmocka_unit_test(an_empty_file_changes_nothing),
                cmocka_unit_test(a_bad_file_is_refused_with_line_and_reason),
                cmocka_unit_test(a_file_that_cannot_be_read_is_named),
                cmocka_unit_test(a_bad_variable_or_flag_is_refused_by_name),
                cmocka_unit_test(later_sources_win),
                cmocka_unit_test(what_is_not_a_setting_stays_on_the_command_line),
                cmocka_unit_test(the_printed_configuration_names_origins_and_hides_secrets),
                cmocka_unit_test(help_shows_each_flag),
                cmocka_unit_test(no_two_settings_share_a_name),
                cmocka_unit_test(an_upstream_is_the_flat_settings_and_what_it_says_itself),
                cmocka_unit_test(a_bad_upstream_is_refused_with_its_line),
                cmocka_unit_test(a_mode_with_an_llm_needs_one),
                cmocka_unit_test(a_key_comes_from_a_file_that_is_its_owners_alone),
        };
        return cmocka_run_group_tests(tests, make_file, remove_file);
}
