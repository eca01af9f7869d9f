#ifndef LARES_CADDRESSSERVICE_H
#define LARES_CADDRESSSERVICE_H

// Sockets of the DHCP server: structures and options that Swift's Glibc module does not carry. Every function returns -1
// with errno where it fails. Addresses are in host byte order.

#include <stdint.h>

/// A UDP socket for port 67 on one interface: bound to it, non-blocking, may broadcast, tells the destination address.
int lares_dhcp_socket(const char *device);

/// A received datagram, or one to send.
struct lares_dhcp_datagram {
  /// Receiving: where it was sent to. Sending: the source address.
  uint32_t local;
  /// Receiving: who sent it. Sending: where it goes.
  uint32_t remote;
  uint16_t remote_port;
  uint16_t length;
  /// Place of the payload in the buffer.
  uint32_t offset;
};

enum {
  /// Most datagrams of one call, and so of one sync of leases: what arrives while a slow disk syncs is taken as one.
  LARES_DHCP_BATCH = 512,
  /// Room for each in the receive buffer. A longer one is cut, and its length is 0.
  LARES_DHCP_STRIDE = 2048,
};

/// recvmmsg(2): up to LARES_DHCP_BATCH datagrams into a buffer of LARES_DHCP_BATCH * LARES_DHCP_STRIDE bytes.
int lares_dhcp_receive(int fd, struct lares_dhcp_datagram *datagrams, uint8_t *buffer);

/// sendmmsg(2): up to LARES_DHCP_BATCH datagrams. Returns how many were sent; the next one is what failed.
int lares_dhcp_send(int fd, const struct lares_dhcp_datagram *datagrams, const uint8_t *buffer, int count);

/// A netlink socket that becomes readable when an interface or an IPv4 address comes, changes or goes.
int lares_interface_events(void);

#endif
