#pragma once
#include <stdint.h>

// Peers of the versioned store, each in a loop of its own language. All return seconds, or -1 and a word on stderr.

/// Appends so many bytes and calls fdatasync, so many times: what any durable log costs at least. Rests for so many
/// microseconds before each sync.
double lares_floor(const char *path, int count, int size, int rest);

/// Commits of one file in one folder to refs/heads/main by libgit2, with fsync of objects and references.
double lares_libgit2_commits(const char *repository, int count);

/// Reads blobs at paths of HEAD's tree by libgit2, with a cache of so many bytes. Paths are strings that end in NUL, one
/// behind the other.
double lares_libgit2_reads(const char *repository, const char *paths, int count, int64_t cache);

/// Seconds of the monotonic clock, and of all threads of this process.
double lares_seconds(void);
double lares_cpu_seconds(void);
