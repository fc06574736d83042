/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli.h"

#include "base/json_reader.h"
#include "base/json_writer.h"
#include "text/kb_parse.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BATCH_ARTICLES = 500, IMPORT_ARENA_BYTES = 1 << 30, PATH_BYTES = 4096, LINE_MAX_BYTES = 2 << 20 };

/* An import under way: articles gather in `arguments` and go out in batches. A server puts them into
 * force once, at the end: each time costs it a new index. */
struct import {
        struct admin *admin;
        struct json_parser *parser;
        struct buf arguments;
        struct json_writer writer;
        size_t gathered;
        int64_t added, updated, unchanged; /* of the file */
        bool is_sent;                      /* something is stored that is not in force yet */
};

static void begin_batch(struct import *import)
{
        buf_reset(&import->arguments);
        import->writer = (struct json_writer){.buf = &import->arguments};
        import->gathered = 0;
        json_open(&import->writer, '{');
        json_key(&import->writer, "articles");
        json_open(&import->writer, '[');
}

static int send(struct import *import, const char *operation, struct json *ret_result)
{
        json_close(&import->writer, ']');
        json_close(&import->writer, '}');
        return cli_execute(import->admin, operation, buf_str(&import->arguments), import->parser, ret_result);
}

static void show_progress(const struct import *import)
{
        if (isatty(STDERR_FILENO))
                fprintf(stderr, "%lld articles\n", (long long)(import->added + import->updated + import->unchanged));
}

static enum err send_batch(struct import *import)
{
        struct json result;
        if (import->gathered == 0)
                return ERR_OK;
        if (send(import, "kb.import_part", &result) != CLI_OK)
                return ERR_INVALID;
        import->is_sent = true;
        import->added += cli_number(result, "added");
        import->updated += cli_number(result, "updated");
        import->unchanged += cli_number(result, "unchanged");
        show_progress(import);
        begin_batch(import);
        return ERR_OK;
}

/* Also behind a failure: the parts before it are stored. */
static int put_into_force(struct import *import)
{
        struct json result;
        if (!import->is_sent)
                return CLI_OK;
        begin_batch(import);
        return send(import, "kb.import", &result);
}

static void write_list(struct json_writer *w, const char *name, const struct str *list, size_t count)
{
        json_key(w, name);
        json_open(w, '[');
        for (size_t i = 0; i < count; i++)
                json_str(w, list[i]);
        json_close(w, ']');
}

static enum err gather(void *arg, const struct article *article)
{
        struct import *import = arg;
        struct json_writer *w = &import->writer;
        json_open(w, '{');
        json_member(w, "id", article->id);
        json_member(w, "title", article->title);
        json_member(w, "body", article->body);
        json_member(w, "url", article->url);
        json_member(w, "locale", article->locale);
        write_list(w, "aliases", article->aliases, article->alias_count);
        write_list(w, "tags", article->tags, article->tag_count);
        json_close(w, '}');
        return ++import->gathered == BATCH_ARTICLES ? send_batch(import) : ERR_OK;
}

static int import_path(struct import *import, const char *path);

static int is_visible(const struct dirent *entry)
{
        enum kb_format format;
        return entry->d_name[0] != '.' && kb_format_from(str_from(entry->d_name), &format);
}

/* The article files of a folder, in the order of their names; one that fails does not keep out the others. */
static int import_folder(struct import *import, const char *path)
{
        struct dirent **entries;
        int status = CLI_OK, count = scandir(path, &entries, is_visible, alphasort);
        if (count < 0)
                return cli_complain(CLI_FAILED, "%s: %s", path, strerror(errno));
        if (count == 0)
                status = cli_complain(CLI_FAILED, "%s: no .md, .jsonl or .csv file in it", path);
        for (int i = 0; i < count; i++) {
                char name[PATH_BYTES];
                int len = snprintf(name, sizeof name, "%s/%s", path, entries[i]->d_name);
                int one = len < PATH_BYTES ? import_path(import, name)
                                           : cli_complain(CLI_FAILED, "%s: the path is too long", name);
                status = status == CLI_OK ? one : status;
                free(entries[i]);
        }
        free(entries);
        return status;
}

static int import_file(struct import *import, const char *path)
{
        enum kb_format format;
        struct err_note note;
        struct buf text;
        struct arena arena;
        struct kb_parse_report report;
        if (!kb_format_from(str_from(path), &format))
                return cli_complain(CLI_USAGE, "%s: the name must end in .jsonl, .csv or .md", path);
        if (cli_read_file(path, ADMIN_MAX_BYTES, &text, &note) != ERR_OK)
                return cli_complain(CLI_FAILED, "%s", note.text);
        arena_init(&arena, IMPORT_ARENA_BYTES);
        begin_batch(import);
        import->added = import->updated = import->unchanged = 0;
        const struct kb_sink sink = {gather, import, &arena};
        enum err err = kb_parse(format, str_from(path), buf_str(&text), &sink, &report);
        if (!err)
                err = send_batch(import);
        for (size_t i = 0; i < report.problem_count; i++)
                cli_complain(CLI_FAILED, "%s", report.problems[i].text);
        arena_deinit(&arena);
        buf_deinit(&text);
        printf("%s: %lld added, %lld updated, %lld unchanged, %zu refused\n", path, (long long)import->added,
               (long long)import->updated, (long long)import->unchanged, report.malformed);
        return err || report.malformed ? CLI_FAILED : CLI_OK;
}

static int import_path(struct import *import, const char *path)
{
        struct stat found;
        bool is_folder = stat(path, &found) == 0 && S_ISDIR(found.st_mode);
        return is_folder ? import_folder(import, path) : import_file(import, path);
}

static int import(struct admin *admin, struct json_parser *parser, struct settings_args *operands)
{
        struct import import = {.admin = admin, .parser = parser};
        int status = CLI_OK;
        if (operands->count == 0)
                return cli_complain(CLI_USAGE, "`triaged kb import` needs a file or a folder; see --help");
        buf_init(&import.arguments, ADMIN_MAX_BYTES);
        for (size_t i = 0; i < operands->count && status == CLI_OK; i++)
                status = import_path(&import, operands->items[i]);
        int in_force = put_into_force(&import);
        status = status == CLI_OK ? in_force : status;
        buf_deinit(&import.arguments);
        return status;
}

static enum err print_article(struct buf *line, struct json article)
{
        struct json_writer w = {.buf = line};
        struct json_iter members = json_iter(article);
        struct json value, item;
        struct str name, text;
        buf_reset(line);
        json_open(&w, '{');
        while (json_next(&members, &name, &value)) {
                json_key_str(&w, name);
                if (json_to_str(value, &text)) {
                        json_str(&w, text);
                        continue;
                }
                json_open(&w, '[');
                for (struct json_iter items = json_iter(value); json_next(&items, NULL, &item);)
                        if (json_to_str(item, &text))
                                json_str(&w, text);
                json_close(&w, ']');
        }
        json_close(&w, '}');
        if (line->is_over)
                return ERR_TOO_LARGE;
        printf("%.*s\n", STR_ARGS(buf_str(line)));
        return ERR_OK;
}

/* Prints a page and leaves the arguments of the next one. */
static int export_page(struct admin *admin, struct json_parser *parser, struct buf *arguments, struct buf *line,
                       size_t *ret_count)
{
        struct json result, articles, article = {0};
        *ret_count = 0;
        int status = cli_execute(admin, "kb.export", buf_str(arguments), parser, &result);
        if (status != CLI_OK || !json_find(result, STR("articles"), &articles))
                return status;
        buf_reset(arguments);
        struct json_writer w = {.buf = arguments};
        struct str last = {0};
        struct json_iter iter = json_iter(articles);
        for (; json_next(&iter, NULL, &article); ++*ret_count) {
                last = cli_text(article, "id");
                if (print_article(line, article) != ERR_OK)
                        return cli_complain(CLI_FAILED, "the article %.*s is too large to export", STR_ARGS(last));
        }
        json_open(&w, '{');
        json_member(&w, "after", last);
        json_close(&w, '}');
        return cli_flush() ? CLI_OK : cli_complain(CLI_FAILED, "the export cannot be written to standard output");
}

static int export(struct admin *admin, struct json_parser *parser, struct settings_args *operands)
{
        struct buf arguments, line;
        size_t count = 1;
        int status = CLI_OK;
        if (!cli_all_taken(operands, 0, NULL))
                return CLI_USAGE;
        buf_init(&arguments, 65536);
        buf_init(&line, LINE_MAX_BYTES);
        buf_append_str(&arguments, STR("{}"));
        while (count && status == CLI_OK)
                status = export_page(admin, parser, &arguments, &line, &count);
        buf_deinit(&line);
        buf_deinit(&arguments);
        return status;
}

static void print_hit(struct json hit)
{
        struct json score;
        struct str snippet = cli_text(hit, "snippet");
        double value = 0;
        if (json_find(hit, STR("score"), &score))
                json_to_double(score, &value);
        printf("%.4f  %-28.*s %.*s\n", value, STR_ARGS(cli_text(hit, "id")), STR_ARGS(cli_text(hit, "title")));
        if (snippet.len)
                fputs("        ", stdout);
        for (size_t i = 0; i < snippet.len; i++)
                putchar((unsigned char)snippet.ptr[i] < ' ' ? ' ' : snippet.ptr[i]);
        if (snippet.len)
                putchar('\n');
}

static int search(struct admin *admin, struct json_parser *parser, struct settings_args *operands)
{
        struct json result, hits, hit;
        struct buf arguments;
        if (!cli_all_taken(operands, 1, "the query"))
                return CLI_USAGE;
        buf_init(&arguments, 65536);
        struct json_writer w = {.buf = &arguments};
        json_open(&w, '{');
        json_member(&w, "query", str_from(operands->items[0]));
        json_close(&w, '}');
        int status = cli_execute(admin, "kb.search", buf_str(&arguments), parser, &result);
        buf_deinit(&arguments);
        if (status != CLI_OK || !json_find(result, STR("hits"), &hits))
                return status;
        struct json_iter iter = json_iter(hits);
        while (json_next(&iter, NULL, &hit))
                print_hit(hit);
        return CLI_OK;
}

static int list(struct admin *admin, struct json_parser *parser, struct settings_args *operands)
{
        struct json result, articles, article;
        if (!cli_all_taken(operands, 0, NULL))
                return CLI_USAGE;
        int status = cli_execute(admin, "kb.list", STR("{}"), parser, &result);
        if (status != CLI_OK || !json_find(result, STR("articles"), &articles))
                return status;
        struct json_iter iter = json_iter(articles);
        while (json_next(&iter, NULL, &article))
                printf("%-28.*s %-6.*s %.*s\n", STR_ARGS(cli_text(article, "id")), STR_ARGS(cli_text(article, "locale")),
                       STR_ARGS(cli_text(article, "title")));
        return CLI_OK;
}

static int delete_article(struct admin *admin, struct json_parser *parser, struct settings_args *operands)
{
        struct json result;
        struct buf arguments;
        if (!cli_all_taken(operands, 1, "the article's id"))
                return CLI_USAGE;
        buf_init(&arguments, 65536);
        struct json_writer w = {.buf = &arguments};
        json_open(&w, '{');
        json_member(&w, "id", str_from(operands->items[0]));
        json_close(&w, '}');
        int status = cli_execute(admin, "kb.delete", buf_str(&arguments), parser, &result);
        buf_deinit(&arguments);
        return status;
}

static int run(const struct cli *cli, const struct settings *settings, struct settings_args *operands)
{
        static const struct cli_action actions[] = {{"import", import}, {"export", export}, {"search", search}, {"list", list},
                                                    {"delete", delete_article}, {NULL, NULL}};
        (void)cli;
        return cli_run_action(settings, operands, "kb", actions, "import, export, search, list or delete");
}

const struct cli_command cli_kb = {
        .name = "kb",
        .summary = "import, export, search, list and delete articles of the knowledge base",
        .help = "usage: triaged kb import FILE|FOLDER...\n"
                "       triaged kb export > FILE.jsonl\n"
                "       triaged kb search QUERY\n"
                "       triaged kb list\n"
                "       triaged kb delete ID\n\n"
                "FILE is .jsonl (one object a line: id, title, body, url, locale, aliases, tags), .csv with a\n"
                "header row of the same names, or .md (one article; its id is the file's name, its front matter has\n"
                "title, url, locale, aliases: [a, b], tags: [a, b]). Of a FOLDER all such files are read.\n\n"
                "Importing a file again changes only what differs; `export` prints JSON lines that import as they\n"
                "are. `search` prints the probability that an article answers the query and the passage that fits it; it goes\n"
                "without the policy's synonyms. An article is given to a customer from answer_threshold on\n"
                "(policy/taxonomy.yaml). Bad rows are named, the others are imported; the exit code is 1\n"
                "then. Works beside a running server, which answers from the new articles at once.\n",
        .run = run,
};
