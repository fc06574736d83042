/* SPDX-License-Identifier: Apache-2.0 */
/* Article files. What is delivered is an article that an index takes, in valid UTF-8; the report
 * counts what was delivered and says something about each of the first faults.
 *
 * The first byte chooses the format: 'j' JSON lines, 'c' CSV, 'm' Markdown. */
#include "fuzz.h"

#include "base/json_reader.h"
#include "text/kb_parse.h"

enum { ARENA_MAX_BYTES = 1 << 20, INDEXED_MAX = 16 };

struct parsed {
        struct article articles[INDEXED_MAX];
        size_t count;
};

static void check_texts(const struct str *texts, size_t count)
{
        for (size_t i = 0; i < count; i++)
                assert(texts[i].len > 0 && utf8_is_valid(texts[i]));
}

static enum err take(void *arg, const struct article *article)
{
        struct parsed *parsed = arg;
        assert(kb_article_check(article, NULL) == ERR_OK && article->body.len > 0);
        const struct str texts[] = {article->id, article->title, article->body};
        check_texts(texts, 3);
        check_texts(article->aliases, article->alias_count);
        check_texts(article->tags, article->tag_count);
        assert(utf8_is_valid(article->url) && utf8_is_valid(article->locale));
        if (parsed->count < INDEXED_MAX)
                parsed->articles[parsed->count] = *article;
        parsed->count++;
        return ERR_OK;
}

static void check_report(const struct kb_parse_report *report, const struct parsed *parsed)
{
        assert(report->articles == parsed->count && report->problem_count <= KB_PROBLEMS_MAX);
        assert(report->problem_count ==
               (report->malformed < KB_PROBLEMS_MAX ? report->malformed : KB_PROBLEMS_MAX));
        for (size_t i = 0; i < report->problem_count; i++)
                assert(report->problems[i].text[0]);
}

static void index_and_search(const struct parsed *parsed)
{
        size_t count = parsed->count < INDEXED_MAX ? parsed->count : INDEXED_MAX;
        struct kb_index *index = NULL;
        struct err_note note = {0};
        enum err err = kb_index_new(parsed->articles, count, &index, &note);
        if (err != ERR_OK) {
                assert(err == ERR_EXISTS && note.text[0]);
                return;
        }
        assert(kb_index_count(index) == count);
        struct kb_scratch *scratch = kb_scratch_new();
        struct kb_hit hits[INDEXED_MAX];
        for (size_t i = 0; i < count; i++) {
                const struct kb_ask ask = {.text = {parsed->articles[i].title}};
                size_t found = kb_search(index, scratch, &ask, hits, INDEXED_MAX);
                assert(found <= count);
                for (size_t j = 0; j < found; j++)
                        assert(hits[j].score >= 0 && hits[j].score <= 1 &&
                               (j == 0 || hits[j].score <= hits[j - 1].score));
        }
        kb_scratch_free(scratch);
        kb_index_free(index);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct str text = fuzz_input(data, size);
        uint8_t kind = fuzz_take_byte(&text);
        enum kb_format format = kind == 'c'   ? KB_FORMAT_CSV
                                : kind == 'm' ? KB_FORMAT_MARKDOWN
                                              : KB_FORMAT_JSONL;
        struct arena arena;
        arena_init(&arena, ARENA_MAX_BYTES);
        struct parsed parsed = {.count = 0};
        struct kb_sink sink = {take, &parsed, &arena};
        struct kb_parse_report report;
        enum err err = kb_parse(format, STR("folder/article.md"), text, &sink, &report);
        assert(err == ERR_OK || err == ERR_SYNTAX || (err == ERR_TOO_LARGE && arena.is_full));
        check_report(&report, &parsed);
        index_and_search(&parsed);
        arena_deinit(&arena);
        return 0;
}
