#include <stdio.h>
#include <words.h>

static void ignore(const char *word, size_t length, void *data) {
    (void)word, (void)length, (void)data;
}

int main(void) {
    const char *texts[] = {"", " ", "one", "one two", "  one,two;three "};
    size_t expected[] = {0, 0, 1, 2, 3};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        size_t count = words_split(texts[i], ignore, NULL);
        if (count != expected[i]) {
            printf("split \"%s\": %zu words, not %zu\n", texts[i], count, expected[i]);
            return 1;
        }
    }
    return 0;
}
