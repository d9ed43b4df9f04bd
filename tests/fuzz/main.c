/* Stands in for a fuzzer: runs the target over files, over all files of folders, or over standard input. So what a
 * fuzzer has found is tried in every build. */
#include "tests/fuzz/fuzz.h"

#include <dirent.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/util.h"

static unsigned n_run;

static void run_stream(const char *name, FILE *f)
{
        CLEANUP_FREE uint8_t *data = NULL;
        size_t size = 0, allocated = 0, n = 0;

        do {
                size += n;
                if (size == allocated) {
                        allocated = allocated ? 2 * allocated : 4096;
                        data = realloc(data, allocated);
                        FUZZ_CHECK(data);
                }
                n = fread(data + size, 1, allocated - size, f);
        } while (n > 0);
        fprintf(stderr, "%s\n", name); /* the last one said is the one that failed */

        /* As long as the input and not longer, so that a sanitizer sees who reads beyond it. */
        uint8_t *exact = malloc(size ? size : 1);
        FUZZ_CHECK(exact);
        memcpy(exact, data, size);
        LLVMFuzzerTestOneInput(exact, size);
        free(exact);
        n_run++;
}

static int run_path(const char *path);

static int is_shown(const struct dirent *entry)
{
        return entry->d_name[0] != '.';
}

static int run_folder(const char *path)
{
        struct dirent **entries;
        int n = scandir(path, &entries, is_shown, alphasort), r = n < 0;

        for (int i = 0; i < n; i++) {
                CLEANUP_FREE char *name = NULL;

                if (asprintf(&name, "%s/%s", path, entries[i]->d_name) < 0)
                        abort();
                r |= run_path(name);
                free(entries[i]);
        }
        if (n >= 0)
                free(entries);
        return r;
}

static int run_path(const char *path)
{
        struct stat st;

        if (stat(path, &st) == 0 && S_ISDIR(st.st_mode))
                return run_folder(path);
        CLEANUP_FCLOSE FILE *f = fopen(path, "re");
        if (!f) {
                fprintf(stderr, "%s: %s\n", path, strerror(errno));
                return 1;
        }
        run_stream(path, f);
        return 0;
}

int main(int argc, char **argv)
{
        int r = 0;

        for (int i = 1; i < argc; i++)
                r |= run_path(argv[i]);
        if (argc < 2)
                run_stream("standard input", stdin);
        printf("%u inputs\n", n_run);
        return r || n_run == 0;
}
