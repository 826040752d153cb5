/* A trial of the benchmarks: small, so that what is measured is us.
 *   bench_trial times FILE MICROSECONDS   appends its own start and end (CLOCK_MONOTONIC, ns) to FILE
 *   bench_trial reports N                 writes N intermediate reports, then a final one */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static long long now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static int report_final(void) {
  const char* path = getenv("AUTOTUNE_REPORTS");
  static const char line[] = "{\"type\":\"final\",\"value\":0.5}\n";
  int fd = path == NULL ? -1 : open(path, O_WRONLY | O_APPEND | O_CREAT, 0600);
  return fd >= 0 && write(fd, line, sizeof line - 1) == (ssize_t)(sizeof line - 1) ? 0 : 1;
}

static int times(const char* file, long microseconds, long long start) {
  if (report_final() != 0)
    return 1;
  struct timespec rest = {microseconds / 1000000, (microseconds % 1000000) * 1000};
  nanosleep(&rest, NULL);
  char line[64];
  int fd = open(file, O_WRONLY | O_APPEND | O_CREAT, 0600);
  int n = snprintf(line, sizeof line, "%lld %lld\n", start, now_ns());
  return fd >= 0 && write(fd, line, (size_t)n) == n ? 0 : 1;
}

static int reports(long count) {
  const char* path = getenv("AUTOTUNE_REPORTS");
  FILE* out = path == NULL ? NULL : fopen(path, "a");
  if (out == NULL)
    return 1;
  for (long i = 0; i < count; ++i)
    fprintf(out, "{\"type\":\"intermediate\",\"step\":%ld,\"value\":0.%06ld}\n", i, i % 1000000);
  return fclose(out) == 0 ? report_final() : 1;
}

int main(int argc, char** argv) {
  long long start = now_ns();
  if (argc == 4 && strcmp(argv[1], "times") == 0)
    return times(argv[2], atol(argv[3]), start);
  if (argc == 3 && strcmp(argv[1], "reports") == 0)
    return reports(atol(argv[2]));
  return 2;
}
