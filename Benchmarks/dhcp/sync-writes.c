// Preloaded into Kea: makes each write to its lease file durable before it returns, as its memfile backend cannot.
//
// Kea answers after it has written the lease, so with this its answers are as durable as those of a server that syncs.
// At its end it says how many writes were synced, so that the benchmark can see that it worked.

#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

static unsigned long synced;

static int is_lease_file(int fd) {
  char link[64], path[512];
  snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
  ssize_t length = readlink(link, path, sizeof(path) - 1);
  if (length < 0) return 0;
  path[length] = 0;
  return strstr(path, "kea.csv") != NULL;
}

static ssize_t sync_after(int fd, ssize_t written) {
  if (written > 0 && is_lease_file(fd) && fdatasync(fd) == 0) synced++;
  return written;
}

ssize_t write(int fd, const void *bytes, size_t count) {
  static ssize_t (*next)(int, const void *, size_t);
  if (!next) next = dlsym(RTLD_NEXT, "write");
  return sync_after(fd, next(fd, bytes, count));
}

ssize_t writev(int fd, const struct iovec *parts, int count) {
  static ssize_t (*next)(int, const struct iovec *, int);
  if (!next) next = dlsym(RTLD_NEXT, "writev");
  return sync_after(fd, next(fd, parts, count));
}

__attribute__((destructor)) static void report(void) { fprintf(stderr, "synced %lu writes\n", synced); }
