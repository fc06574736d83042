/* SPDX-License-Identifier: Apache-2.0 */
/* How well a model does on labelled messages: eval_model [options] IN.jsonl... */
#include "base/alloc.h"
#include "base/buf.h"
#include "labelled_lines.h"
#include "text/model.h"
#include "text/train_calibrate.h"

#include <getopt.h>

static const char help[] =
        "usage: eval_model [--model FILE] [--all] [--in-scope] [--mistakes N] IN.jsonl...\n"
        "\n"
        "Scores the embedded model (or FILE) on lines {\"text\",\"category\" or \"intent\"}: accuracy and\n"
        "macro-F1 over the three categories, recall, expected calibration error, time a message.\n"
        "  --model FILE    a model file instead of the embedded one\n"
        "  --all           also lines whose \"quality\" is not \"clear\"\n"
        "  --in-scope      without lines out of scope, which otherwise count in the calibration error\n"
        "  --mistakes N    also prints the N most confident mistakes\n";

struct arguments {
        const char *model_path;
        struct labelled_options lines;
        size_t mistakes;
        char **paths;
        size_t path_count;
};

struct result {
        struct model_verdict verdict;
        const struct labelled_line *line;
};

static double cpu_seconds(void)
{
        struct timespec now;
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
        return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* False: the usage was wrong. */
static bool parse_arguments(int argc, char **argv, struct arguments *ret_arguments)
{
        static const struct option options[] = {
                {"model", required_argument, NULL, 'm'}, {"all", no_argument, NULL, 'a'},
                {"in-scope", no_argument, NULL, 's'},    {"mistakes", required_argument, NULL, 'w'},
                {0},
        };
        struct arguments arguments = {.lines = {.is_clear = true}};
        int option;
        while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
                uint64_t number = 0;
                if (option == 'm')
                        arguments.model_path = optarg;
                else if (option == 'a')
                        arguments.lines.is_clear = false;
                else if (option == 's')
                        arguments.lines.in_scope = true;
                else if (option == 'w' && str_to_u64(str_from(optarg), &number))
                        arguments.mistakes = (size_t)number;
                else
                        return false;
        }
        arguments.paths = argv + optind;
        arguments.path_count = (size_t)(argc - optind);
        *ret_arguments = arguments;
        return arguments.path_count > 0;
}

static enum err read_model(const char *path, struct buf *buf, struct err_note *note)
{
        FILE *file = fopen(path, "rb");
        if (file == NULL)
                return err_set(note, ERR_IO, "%s: cannot be opened", path);
        char *room = buf_reserve(buf, sizeof(struct model_file) + 1);
        buf_commit(buf, fread(room, 1, sizeof(struct model_file) + 1, file));
        fclose(file);
        return ERR_OK;
}

static int by_confidence(const void *a, const void *b)
{
        double x = ((const struct result *)a)->verdict.confidence;
        double y = ((const struct result *)b)->verdict.confidence;
        return (x < y) - (x > y);
}

static void print_mistakes(struct result *results, size_t count, size_t wanted)
{
        qsort(results, count, sizeof *results, by_confidence);
        for (size_t i = 0; i < count && wanted > 0; i++) {
                const struct labelled_line *line = results[i].line;
                if (line->class == (size_t)results[i].verdict.category)
                        continue;
                const char *truth = line->class < CATEGORY_COUNT ? category_name((enum category)line->class)
                                                                 : "out_of_scope";
                printf("%.3f %s for %s: %.*s\n", results[i].verdict.confidence,
                       intent_name(results[i].verdict.intent), truth, STR_ARGS(line->text));
                wanted--;
        }
}

static void print_tally(const struct tally *tally)
{
        printf("lines in scope     %u\n", tally->lines);
        printf("accuracy           %.3f\n", tally_accuracy(tally));
        printf("macro-F1           %.3f\n", tally_macro_f1(tally));
        for (enum category c = 0; c < CATEGORY_COUNT; c++)
                printf("%-18s recall %.3f precision %.3f (%u lines)\n", category_name(c),
                       tally_recall(tally, c), tally_precision(tally, c), tally->truths[c]);
        printf("calibration error  %.3f\n", tally_calibration_error(tally));
        for (size_t bin = 0; bin < 10; bin++)
                if (tally->bin_lines[bin] > 0)
                        printf("  said %.2f, was %.2f (%u lines)\n",
                               tally->bin_confidence[bin] / tally->bin_lines[bin],
                               tally->bin_hits[bin] / tally->bin_lines[bin], tally->bin_lines[bin]);
}

static void evaluate(const struct model *model, const struct labelled_lines *lines, size_t mistakes)
{
        struct result *results = alloc_zeroed(lines->count + 1, sizeof *results);
        size_t bytes = 0;
        double start = cpu_seconds();
        for (size_t i = 0; i < lines->count; i++) {
                results[i].line = &lines->lines[i];
                bytes += lines->lines[i].text.len;
                model_classify(model, (struct safe_text){lines->lines[i].text}, &results[i].verdict);
        }
        double seconds = cpu_seconds() - start;
        struct tally tally = {0};
        for (size_t i = 0; i < lines->count; i++)
                tally_add(&tally, lines->lines[i].class, (size_t)results[i].verdict.category,
                          results[i].verdict.confidence);
        printf("model              %.*s\n", STR_ARGS(model_version(model)));
        print_tally(&tally);
        double messages = lines->count > 0 ? (double)lines->count : 1;
        printf("CPU time           %.2f us a message of %.0f bytes\n", seconds / messages * 1e6,
               (double)bytes / messages);
        print_mistakes(results, lines->count, mistakes);
        free(results);
}

static enum err run(const struct arguments *arguments, struct err_note *note)
{
        struct labelled_lines lines;
        struct model *model = NULL;
        struct buf buf;
        struct str bytes = model_embedded();
        buf_init(&buf, sizeof(struct model_file) + 4096);
        enum err err = labelled_lines_read(arguments->paths, arguments->path_count, arguments->lines, &lines,
                                           note);
        if (err)
                return err;
        if (arguments->model_path != NULL) {
                err = read_model(arguments->model_path, &buf, note);
                bytes = buf_str(&buf);
        }
        if (!err)
                err = model_open(bytes, &model, note);
        if (!err)
                evaluate(model, &lines, arguments->mistakes);
        model_free(model);
        labelled_lines_deinit(&lines);
        buf_deinit(&buf);
        return err;
}

int main(int argc, char **argv)
{
        struct arguments arguments;
        struct err_note note = {0};
        if (argc == 2 && str_equal(str_from(argv[1]), STR("--help"))) {
                fputs(help, stdout);
                return 0;
        }
        if (!parse_arguments(argc, argv, &arguments)) {
                fputs(help, stderr);
                return 2;
        }
        enum err err = run(&arguments, &note);
        if (err)
                fprintf(stderr, "eval_model: %s\n", note.text);
        return err ? 1 : 0;
}
