// The kernel's netlink constants for Swift: the enumerations of these headers are imported as they are, the few that are macros with casts or
// function-like macros are repeated here as functions and checked against their originals.
#ifndef LARES_CNETLINKSHIMS_H
#define LARES_CNETLINKSHIMS_H

#include <libmnl/libmnl.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <linux/netfilter/nfnetlink_log.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>

// The layouts that the Swift side reads and writes field by field.
_Static_assert(sizeof(struct nlmsghdr) == 16, "nlmsghdr");
_Static_assert(sizeof(struct nlattr) == 4, "nlattr");
_Static_assert(sizeof(struct ifinfomsg) == 16, "ifinfomsg");
_Static_assert(sizeof(struct ifaddrmsg) == 8, "ifaddrmsg");
_Static_assert(sizeof(struct ifa_cacheinfo) == 16, "ifa_cacheinfo");
_Static_assert(sizeof(struct rtmsg) == 12, "rtmsg");
_Static_assert(sizeof(struct rtnexthop) == 8, "rtnexthop");
_Static_assert(sizeof(struct ndmsg) == 12, "ndmsg");
_Static_assert(sizeof(struct nda_cacheinfo) == 16, "nda_cacheinfo");
_Static_assert(sizeof(struct nfgenmsg) == 4, "nfgenmsg");
_Static_assert(sizeof(struct nfulnl_msg_packet_hdr) == 4, "nfulnl_msg_packet_hdr");
_Static_assert(sizeof(struct nfulnl_msg_packet_hw) == 12, "nfulnl_msg_packet_hw");
_Static_assert(sizeof(struct nfulnl_msg_packet_timestamp) == 16, "nfulnl_msg_packet_timestamp");
_Static_assert(sizeof(struct nfulnl_msg_config_mode) == 6, "nfulnl_msg_config_mode");

/// The buffer size that libmnl recommends for one datagram, in bytes (MNL_SOCKET_BUFFER_SIZE).
static inline long lares_mnl_socket_buffer_size(void) { return MNL_SOCKET_BUFFER_SIZE; }

/// The C name of an errno, `EPERM`; NULL where there is none (strerrorname_np, glibc 2.32).
const char *lares_error_name(int code);

/// The untranslated text of an errno, `Operation not permitted`; NULL where there is none (strerrordesc_np, glibc 2.32).
const char *lares_error_text(int code);

#endif
