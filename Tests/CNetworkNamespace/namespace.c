#define _GNU_SOURCE
#include "CNetworkNamespace.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>

int lares_test_new_network_namespace(void) { return unshare(CLONE_NEWNET) == 0 ? 0 : errno; }

int lares_test_enter_network_namespace(int descriptor) { return setns(descriptor, CLONE_NEWNET) == 0 ? 0 : errno; }

int lares_test_open_network_namespace(void) {
  int descriptor = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
  return descriptor >= 0 ? descriptor : -errno;
}
