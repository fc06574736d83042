/* SPDX-License-Identifier: Apache-2.0 */
/* Gives every file of a corpus to one target, as an ordinary test: replay_x DIRECTORY
 *
 * The bytes are handed over in memory of exactly their size, so that a sanitizer sees each step
 * outside. A crash is behind the name of its file. A directory without files is a failure. */
#include "fuzz.h"

#include <dirent.h>

#include "base/alloc.h"

enum { FILE_MAX_BYTES = 1 << 20 };

static void replay(const char *directory, const char *name)
{
        static uint8_t bytes[FILE_MAX_BYTES];
        char path[4096];
        snprintf(path, sizeof path, "%s/%s", directory, name);
        FILE *file = fopen(path, "re");
        assert(file);
        size_t len = fread(bytes, 1, sizeof bytes, file);
        assert(!ferror(file) && len < sizeof bytes);
        fclose(file);
        printf("%s, %zu bytes\n", name, len);
        fflush(stdout);
        uint8_t *exact = alloc_resize(NULL, len ? len : 1);
        memcpy(exact, bytes, len);
        LLVMFuzzerTestOneInput(exact, len);
        free(exact);
}

int main(int argc, char **argv)
{
        DIR *directory = argc == 2 ? opendir(argv[1]) : NULL;
        if (!directory) {
                fprintf(stderr, "usage: %s DIRECTORY\n", argv[0]);
                return 2;
        }
        size_t count = 0;
        for (const struct dirent *entry; (entry = readdir(directory)) != NULL;) {
                if (entry->d_name[0] == '.')
                        continue;
                replay(argv[1], entry->d_name);
                count++;
        }
        closedir(directory);
        printf("%zu files\n", count);
        return count ? 0 : 1;
}
