/* SPDX-License-Identifier: Apache-2.0 */
#include "text/kb_query.h"

#include "base/hash.h"
#include "text/kb_words.h"

void kb_query_read(const struct kb_index *index, struct sb_stemmer *stemmer, struct str text, struct kb_query *ret_query)
{
        struct kb_words words = {.rest = text, .stemmer = stemmer};
        size_t seen = 0;
        ret_query->weight = ret_query->strangers = 0;
        ret_query->count = 0;
        for (struct str stem = kb_words_next(&words); stem.ptr && seen < KB_QUERY_TERMS_MAX;
             stem = kb_words_next(&words)) {
                uint64_t hash = hash64(stem);
                bool is_repeated = false;
                for (size_t i = 0; i < seen && !is_repeated; i++)
                        is_repeated = ret_query->hashes[i] == hash;
                if (is_repeated)
                        continue;
                ret_query->hashes[seen++] = hash;
                const struct kb_term *term = kb_index_find(index, stem, hash);
                ret_query->weight += term ? term->idf : index->unknown_idf;
                if (term)
                        ret_query->terms[ret_query->count++] = term;
                else
                        ret_query->strangers += index->unknown_idf;
        }
}
