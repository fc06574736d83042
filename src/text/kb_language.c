/* SPDX-License-Identifier: Apache-2.0 */
#include "text/kb_language.h"

#include <assert.h>
#include <libstemmer.h>
#include <stdlib.h>
#include <string.h>

/* Stop words, in strcmp order. They say how something is asked, not what about. */
static const char *const english_stops[] = {
        "a", "able", "about", "after", "again", "all", "already", "also", "am", "an", "and", "any",
        "anyone", "anything", "are", "as", "at", "be", "been", "before", "but", "by", "can", "cannot",
        "cant", "could", "did", "didnt", "do", "does", "doesnt", "doing", "dont", "else", "for", "from",
        "get", "give", "go", "going", "good", "got", "had", "has", "have", "hello", "help", "here", "hey",
        "hi", "how", "i", "id", "if", "ill", "im", "in", "into", "is", "isnt", "it", "its", "ive", "just",
        "know", "let", "like", "made", "make", "may", "me", "might", "more", "much", "must", "my", "need",
        "no", "not", "now", "of", "ok", "on", "one", "or", "our", "out", "please", "possible", "really",
        "s", "same", "shall", "should", "so", "some", "someone", "something", "sorry", "still", "such",
        "take", "tell", "than", "thank", "thanks", "that", "thats", "the", "their", "them", "then", "there",
        "these", "they", "thing", "things", "this", "those", "to", "too", "u", "up", "us", "use", "using",
        "very", "want", "was", "way", "we", "well", "were", "what", "whats", "when", "where", "wheres",
        "which", "while", "who", "why", "will", "with", "wont", "would", "you", "your", "yours",
};

static const char *const german_stops[] = {
        "aber", "alle", "als", "am", "an", "auch", "auf", "aus", "bei", "bin", "bis", "bitte", "da", "das",
        "dass", "dem", "den", "der", "des", "die", "dies", "diese", "doch", "du", "ein", "eine", "einem",
        "einen", "einer", "er", "es", "etwas", "für", "gibt", "gut", "habe", "haben", "hallo", "hat",
        "hier", "ich", "ihr", "ihre", "im", "in", "ist", "ja", "kann", "kannst", "können", "machen",
        "man", "mein", "meine", "meinem", "meinen", "meiner", "mich", "mir", "mit", "muss",
        "möchte", "nach", "nicht", "noch", "nur", "ob", "oder", "ohne", "schon", "sehr", "sein",
        "sich", "sie", "sind", "so", "soll", "sollte", "um", "und", "uns", "unser", "von", "vor", "wann",
        "war", "warum", "was", "wenn", "werden", "wie", "wieder", "will", "wir", "wird", "wo", "wurde",
        "zu", "zum", "zur", "über",
};

static const char *const french_stops[] = {
        "a", "ai", "ainsi", "alors", "au", "aux", "avec", "avez", "avoir", "bonjour", "c", "ce", "cela",
        "ces", "cet", "cette", "comme", "comment", "d", "dans", "de", "des", "du", "elle", "en", "est",
        "et", "faire", "fait", "il", "ils", "j", "jai", "je", "l", "la", "le", "les", "leur", "lui", "m",
        "ma", "mais", "merci", "mes", "moi", "mon", "n", "ne", "nous", "on", "ont", "ou", "où",
        "par", "pas", "plus", "pour", "pourquoi", "puis", "qu", "quand", "que", "quel", "quelle", "quelles",
        "quels", "qui", "quoi", "s", "sa", "sans", "se", "ses", "si", "sont", "sous", "sur", "svp", "t",
        "te", "tout", "très", "tu", "un", "une", "vos", "votre", "vous", "y", "à",
        "ça", "être",
};

static const char *const spanish_stops[] = {
        "a", "al", "algo", "algún", "como", "con", "cuando", "cuál", "cuándo",
        "cómo", "de", "del", "desde", "donde", "dónde", "e", "el", "ella", "en", "es", "esta",
        "este", "esto", "está", "están", "favor", "fue", "gracias", "ha", "hacer", "hasta",
        "hay", "he", "hola", "la", "las", "le", "lo", "los", "me", "mi", "mis", "mucho", "muy",
        "más", "necesito", "no", "nos", "o", "para", "pero", "por", "porque", "puede", "puedo",
        "que", "quiero", "quién", "qué", "se", "ser", "si", "sin", "sobre", "son", "su",
        "sus", "sí", "también", "te", "tengo", "tiene", "tu", "un", "una", "uno", "usted",
        "y", "ya", "yo",
};

static const char *const portuguese_stops[] = {
        "a", "ao", "aos", "as", "até", "bom", "com", "como", "da", "das", "de", "desde", "do", "dos",
        "e", "ela", "ele", "em", "entre", "era", "essa", "esse", "esta", "estou", "está",
        "estão", "eu", "favor", "fazer", "foi", "há", "isso", "isto", "já", "lhe",
        "mais", "mas", "me", "meu", "meus", "minha", "minhas", "muito", "na", "nas", "no", "nos",
        "não", "o", "obrigado", "olá", "onde", "os", "ou", "para", "pela", "pelo", "por",
        "porque", "posso", "preciso", "qual", "quando", "que", "quem", "quero", "se", "sem", "ser", "seu",
        "sua", "são", "também", "te", "tem", "tenho", "um", "uma", "você", "à",
        "é",
};

#define STOPS(words) words, sizeof(words) / sizeof *(words)

static const struct {
        struct str tag;
        const char *name; /* Snowball's */
        const char *const *stop_words;
        size_t stop_word_count;
} known[KB_STEMMER_COUNT] = {
        {STR_INIT("en"), "english", STOPS(english_stops)}, {STR_INIT("de"), "german", STOPS(german_stops)},
        {STR_INIT("fr"), "french", STOPS(french_stops)},   {STR_INIT("es"), "spanish", STOPS(spanish_stops)},
        {STR_INIT("pt"), "portuguese", STOPS(portuguese_stops)},
};

uint32_t kb_language(struct str locale)
{
        uint32_t language = 0;
        for (size_t i = 0; i < locale.len && i < 4 && locale.ptr[i] != '-' && locale.ptr[i] != '_'; i++)
                language = language << 8 | ((unsigned char)locale.ptr[i] | 0x20);
        return language;
}

void kb_stemmers_init(struct kb_stemmers *stemmers)
{
        for (size_t i = 0; i < KB_STEMMER_COUNT; i++) {
                stemmers->of[i] = (struct kb_stemmer){
                        .language = kb_language(known[i].tag),
                        .snowball = sb_stemmer_new(known[i].name, "UTF_8"),
                        .stop_words = known[i].stop_words,
                        .stop_word_count = known[i].stop_word_count,
                };
                assert(stemmers->of[i].snowball);
        }
}

void kb_stemmers_deinit(struct kb_stemmers *stemmers)
{
        for (size_t i = 0; i < KB_STEMMER_COUNT; i++)
                sb_stemmer_delete(stemmers->of[i].snowball);
}

const struct kb_stemmer *kb_stemmer(const struct kb_stemmers *stemmers, uint32_t language)
{
        for (size_t i = 0; i < KB_STEMMER_COUNT; i++)
                if (stemmers->of[i].language == language)
                        return &stemmers->of[i];
        return &stemmers->of[0];
}

static int compare_words(const void *key, const void *item)
{
        return strcmp(key, *(const char *const *)item);
}

bool kb_is_stop_word(const struct kb_stemmer *stemmer, const char *word)
{
        return bsearch(word, stemmer->stop_words, stemmer->stop_word_count, sizeof *stemmer->stop_words, compare_words);
}
