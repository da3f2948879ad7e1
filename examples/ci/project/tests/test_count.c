#include <stdio.h>
#include <words.h>

int main(void) {
    struct words_table table = {0};
    size_t different = words_count(&table, "a rose is a rose is a rose");
    size_t seen = words_seen(&table, "rose", 4);
    words_free(&table);
    if (different != 3 || seen != 4) {
        printf("count: %zu different words, seen %zu times\n", different, seen);
        return 1;
    }
    return 0;
}
