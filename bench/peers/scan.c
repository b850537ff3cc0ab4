/* The peer of the exact search: squared L2 of one query against every row, one
 * thread, keeping the nearest. Usage: scan FILE DIMENSIONS SECONDS; prints the
 * rows scored a second. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static double seconds(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + t.tv_nsec * 1e-9;
}

static float distance(const float *a, const float *b, int d) {
    float sum = 0;
    for (int i = 0; i < d; i++) {
        float x = a[i] - b[i];
        sum += x * x;
    }
    return sum;
}

int main(int argc, char **argv) {
    if (argc != 4) return 2;
    int d = atoi(argv[2]);
    double limit = atof(argv[3]);
    FILE *f = fopen(argv[1], "rb");
    if (!f) return 1;
    fseek(f, 0, SEEK_END);
    long bytes = ftell(f);
    rewind(f);
    float *rows = aligned_alloc(64, (bytes + 63) / 64 * 64);
    if (fread(rows, 1, bytes, f) != (size_t)bytes) return 1;
    long n = bytes / 4 / d;
    float *query = malloc(d * 4);
    memcpy(query, rows, d * 4);
    double start = seconds(), scored = 0;
    volatile float sink = 0;
    do {
        float best = 1e30f;
        for (long i = 0; i < n; i++) {
            float x = distance(query, rows + i * d, d);
            if (x < best) best = x;
        }
        sink += best;
        query[0] += 1e-3f;
        scored += n;
    } while (seconds() - start < limit);
    printf("%.0f\n", scored / (seconds() - start));
    return 0;
}
