#define _GNU_SOURCE
#include "CBenchStore.h"
#include <fcntl.h>
#include <git2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static double seconds(clockid_t clock) {
  struct timespec t;
  clock_gettime(clock, &t);
  return t.tv_sec + t.tv_nsec * 1e-9;
}

double lares_seconds(void) { return seconds(CLOCK_MONOTONIC); }
double lares_cpu_seconds(void) { return seconds(CLOCK_PROCESS_CPUTIME_ID); }

double lares_floor(const char *path, int count, int size, int rest) {
  char *bytes = malloc(size);
  memset(bytes, 7, size);
  int file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0644);
  if (file < 0) return -1;
  double start = lares_seconds();
  for (int i = 0; i < count; i++) {
    if (rest > 0) usleep(rest);
    if (write(file, bytes, size) != size || fdatasync(file) != 0) return -1;
  }
  double took = lares_seconds() - start;
  close(file);
  free(bytes);
  return took;
}

static int failed(int code, const char *what) {
  if (code >= 0) return 0;
  const git_error *error = git_error_last();
  fprintf(stderr, "libgit2, %s: %s\n", what, error ? error->message : "?");
  return 1;
}

double lares_libgit2_commits(const char *path, int count) {
  git_libgit2_init();
  git_libgit2_opts(GIT_OPT_ENABLE_FSYNC_GITDIR, 1);
  git_repository *repository;
  git_signature *who;
  if (failed(git_repository_init(&repository, path, 1), "init")) return -1;
  if (failed(git_signature_new(&who, "Ada", "ada@home.arpa", 1763800000, 60), "signature")) return -1;
  git_commit *parent = NULL;
  double start = lares_seconds();
  for (int i = 0; i < count; i++) {
    char text[64];
    int length = snprintf(text, sizeof text, "value %d of 0\n", i);
    git_oid blob, inner, outer, id;
    git_treebuilder *builder;
    git_tree *tree;
    if (failed(git_blob_create_from_buffer(&blob, repository, text, length), "blob")) return -1;
    git_treebuilder_new(&builder, repository, NULL);
    git_treebuilder_insert(NULL, builder, "state", &blob, GIT_FILEMODE_BLOB);
    if (failed(git_treebuilder_write(&inner, builder), "tree")) return -1;
    git_treebuilder_free(builder);
    git_treebuilder_new(&builder, repository, NULL);
    git_treebuilder_insert(NULL, builder, "leases", &inner, GIT_FILEMODE_TREE);
    if (failed(git_treebuilder_write(&outer, builder), "tree")) return -1;
    git_treebuilder_free(builder);
    if (failed(git_tree_lookup(&tree, repository, &outer), "tree lookup")) return -1;
    const git_commit *parents[1] = {parent};
    if (failed(git_commit_create(&id, repository, "refs/heads/main", who, who, NULL, "Set leases/state\n", tree,
                                 parent ? 1 : 0, parents), "commit"))
      return -1;
    git_tree_free(tree);
    git_commit_free(parent);
    if (failed(git_commit_lookup(&parent, repository, &id), "commit lookup")) return -1;
  }
  double took = lares_seconds() - start;
  git_commit_free(parent);
  git_signature_free(who);
  git_repository_free(repository);
  git_libgit2_shutdown();
  return took;
}

double lares_libgit2_reads(const char *path, const char *paths, int count, int64_t cache) {
  double start = lares_seconds();
  git_libgit2_init();
  git_libgit2_opts(GIT_OPT_SET_CACHE_MAX_SIZE, (ssize_t)cache);
  git_repository *repository;
  git_object *object;
  if (failed(git_repository_open(&repository, path), "open")) return -1;
  if (failed(git_revparse_single(&object, repository, "refs/heads/main^{tree}"), "tree")) return -1;
  size_t bytes = 0;
  for (int i = 0; i < count; i++, paths += strlen(paths) + 1) {
    git_tree_entry *entry;
    git_blob *blob;
    if (failed(git_tree_entry_bypath(&entry, (git_tree *)object, paths), paths)) return -1;
    if (failed(git_blob_lookup(&blob, repository, git_tree_entry_id(entry)), "blob")) return -1;
    bytes += git_blob_rawsize(blob);
    git_blob_free(blob);
    git_tree_entry_free(entry);
  }
  double took = lares_seconds() - start;
  if (bytes == 0) return -1;
  git_object_free(object);
  git_repository_free(repository);
  git_libgit2_shutdown();
  return took;
}
