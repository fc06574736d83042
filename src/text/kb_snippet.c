/* SPDX-License-Identifier: Apache-2.0 */
/* The passage: whole pieces of the body in a row, those whose words of the query are rarest together.
 *
 * A piece is a sentence, a line, or, of a longer one, as many words as fit. */
#include "base/hash.h"
#include "base/utf8.h"
#include "text/kb_scratch.h"
#include "text/kb_words.h"

enum { PIECES_MAX = 256, BODY_LOOKED_AT = 8192 };

struct piece {
        size_t start, end; /* in the body, without the blanks around it */
        uint64_t terms;    /* which of the query's, by number */
};

static bool is_blank(char c)
{
        return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

static bool ends_sentence(struct str text, size_t at)
{
        char c = text.ptr[at];
        bool is_mark = c == '.' || c == '!' || c == '?';
        return c == '\n' || (is_mark && (at + 1 == text.len || is_blank(text.ptr[at + 1])));
}

/* Bytes of the text's first piece. */
static size_t piece_len(struct str text)
{
        size_t word_end = 0;
        for (size_t i = 0; i < text.len && i < KB_SNIPPET_BYTES_MAX; i++) {
                if (ends_sentence(text, i))
                        return i + 1;
                if (is_blank(text.ptr[i]))
                        word_end = i;
        }
        if (text.len <= KB_SNIPPET_BYTES_MAX)
                return text.len;
        if (is_blank(text.ptr[KB_SNIPPET_BYTES_MAX]))
                return KB_SNIPPET_BYTES_MAX;
        /* A word as long as all that is a language without blanks: it is cut between characters. */
        return word_end ? word_end : utf8_cut_bytes(text, KB_SNIPPET_BYTES_MAX).len;
}

static uint64_t terms_of(const struct kb_index *index, struct kb_scratch *scratch, struct str text)
{
        struct kb_words words = {.rest = text, .stemmer = scratch->query.stemmer};
        const struct kb_query *query = &scratch->query;
        uint64_t terms = 0;
        for (struct str stem = kb_words_next(&words); stem.ptr; stem = kb_words_next(&words)) {
                const struct kb_term *term = kb_index_find(index, stem, hash64(stem));
                for (size_t i = 0; term && i < query->count && i < 64; i++)
                        if (query->terms[i].term == term)
                                terms |= UINT64_C(1) << i;
        }
        return terms;
}

static size_t cut_pieces(const struct kb_index *index, struct kb_scratch *scratch, struct str body, struct piece *pieces)
{
        size_t count = 0, at = 0;
        while (count < PIECES_MAX) {
                while (at < body.len && is_blank(body.ptr[at]))
                        at++;
                if (at == body.len)
                        break;
                size_t end = at + piece_len((struct str){body.ptr + at, body.len - at});
                struct piece *piece = &pieces[count++];
                *piece = (struct piece){.start = at, .end = end};
                while (piece->end > at + 1 && is_blank(body.ptr[piece->end - 1]))
                        piece->end--;
                piece->terms = terms_of(index, scratch, (struct str){body.ptr + at, end - at});
                at = end;
        }
        return count;
}

static float weight_of(const struct kb_query *query, uint64_t terms)
{
        float weight = 0;
        for (size_t i = 0; i < query->count && i < 64; i++)
                if (terms >> i & 1)
                        weight += query->terms[i].worth;
        return weight;
}

struct str kb_snippet(const struct kb_index *index, struct kb_scratch *scratch, const struct kb_ask *ask,
                      const struct article *article)
{
        struct piece pieces[PIECES_MAX];
        struct str body = utf8_cut_bytes(article->body, BODY_LOOKED_AT), best = {0};
        float best_weight = -1;
        kb_query_read(index, &scratch->stemmers, ask, &scratch->query);
        size_t count = cut_pieces(index, scratch, body, pieces);
        for (size_t i = 0; i < count; i++) {
                uint64_t terms = 0;
                size_t end = i;
                for (; end < count && pieces[end].end - pieces[i].start <= KB_SNIPPET_BYTES_MAX; end++)
                        terms |= pieces[end].terms;
                /* It begins with what fits; the body's own beginning is for when nothing does. */
                float weight = pieces[i].terms ? weight_of(&scratch->query, terms) : 0;
                if (weight <= best_weight)
                        continue;
                best_weight = weight;
                best = (struct str){body.ptr + pieces[i].start, pieces[end - 1].end - pieces[i].start};
        }
        return best;
}
