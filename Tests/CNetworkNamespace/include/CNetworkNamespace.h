// Moves the calling thread between network namespaces; the C library declares these only to C with _GNU_SOURCE.
#ifndef LARES_CNETWORKNAMESPACE_H
#define LARES_CNETWORKNAMESPACE_H

/// Gives the calling thread a network namespace of its own (unshare(2), CLONE_NEWNET). 0, or errno.
int lares_test_new_network_namespace(void);

/// Moves the calling thread into the namespace that `descriptor` holds open (setns(2), CLONE_NEWNET). 0, or errno.
int lares_test_enter_network_namespace(int descriptor);

/// Opens the network namespace of the calling thread. A descriptor that stays open across exec only if asked, or -errno.
int lares_test_open_network_namespace(void);

#endif
