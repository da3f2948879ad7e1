#include <words.h>

static void count_one(const char *word, size_t length, void *data) {
    words_seen(data, word, length);
}

size_t words_count(struct words_table *table, const char *text) {
    words_split(text, count_one, table);
    return table->used;
}
