#define _GNU_SOURCE
#include "CAddressService.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/// Closes a socket that could not be set up, and keeps the reason.
static int give_up(int fd) {
  int reason = errno;
  close(fd);
  errno = reason;
  return -1;
}

int lares_dhcp_socket(const char *device) {
  int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return -1;
  int on = 1;
  int room = 4 << 20;
  // Requests wait here while leases are synced. Without CAP_NET_ADMIN the system's limit holds, and that is no error.
  if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room)) != 0)
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof(room));
  setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &room, sizeof(room));
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(67)};
  // No SO_REUSEADDR: another server on the same interface must be noticed. Sockets of other interfaces do not collide.
  if (setsockopt(fd, SOL_SOCKET, SO_BROADCAST, &on, sizeof(on)) != 0 ||
      setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, device, (socklen_t)strlen(device) + 1) != 0 ||
      setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &on, sizeof(on)) != 0 ||
      bind(fd, (struct sockaddr *)&address, sizeof(address)) != 0)
    return give_up(fd);
  return fd;
}

/// Room for one IP_PKTINFO control message.
union control {
  char bytes[CMSG_SPACE(sizeof(struct in_pktinfo))];
  struct cmsghdr alignment;
};

int lares_dhcp_receive(int fd, struct lares_dhcp_datagram *datagrams, uint8_t *buffer) {
  struct mmsghdr messages[LARES_DHCP_BATCH];
  struct iovec vectors[LARES_DHCP_BATCH];
  struct sockaddr_in senders[LARES_DHCP_BATCH];
  union control controls[LARES_DHCP_BATCH];
  for (int index = 0; index < LARES_DHCP_BATCH; index++) {
    vectors[index] = (struct iovec){buffer + index * LARES_DHCP_STRIDE, LARES_DHCP_STRIDE};
    messages[index].msg_hdr = (struct msghdr){.msg_name = &senders[index],
                                              .msg_namelen = sizeof(senders[index]),
                                              .msg_iov = &vectors[index],
                                              .msg_iovlen = 1,
                                              .msg_control = &controls[index],
                                              .msg_controllen = sizeof(controls[index])};
  }
  int count = recvmmsg(fd, messages, LARES_DHCP_BATCH, MSG_DONTWAIT, NULL);
  for (int index = 0; index < count; index++) {
    struct msghdr *header = &messages[index].msg_hdr;
    struct lares_dhcp_datagram *datagram = &datagrams[index];
    datagram->remote = ntohl(senders[index].sin_addr.s_addr);
    datagram->remote_port = ntohs(senders[index].sin_port);
    datagram->length = header->msg_flags & MSG_TRUNC ? 0 : (uint16_t)messages[index].msg_len;
    datagram->offset = (uint32_t)index * LARES_DHCP_STRIDE;
    datagram->local = INADDR_BROADCAST;
    for (struct cmsghdr *control = CMSG_FIRSTHDR(header); control != NULL; control = CMSG_NXTHDR(header, control)) {
      if (control->cmsg_level != IPPROTO_IP || control->cmsg_type != IP_PKTINFO) continue;
      struct in_pktinfo info;
      memcpy(&info, CMSG_DATA(control), sizeof(info));
      datagram->local = ntohl(info.ipi_addr.s_addr);
    }
  }
  return count;
}

int lares_dhcp_send(int fd, const struct lares_dhcp_datagram *datagrams, const uint8_t *buffer, int count) {
  struct mmsghdr messages[LARES_DHCP_BATCH];
  struct iovec vectors[LARES_DHCP_BATCH];
  struct sockaddr_in receivers[LARES_DHCP_BATCH];
  union control controls[LARES_DHCP_BATCH];
  if (count > LARES_DHCP_BATCH) count = LARES_DHCP_BATCH;
  memset(controls, 0, sizeof(controls[0]) * (size_t)count);
  for (int index = 0; index < count; index++) {
    const struct lares_dhcp_datagram *datagram = &datagrams[index];
    vectors[index] = (struct iovec){(void *)(buffer + datagram->offset), datagram->length};
    receivers[index] = (struct sockaddr_in){.sin_family = AF_INET,
                                            .sin_port = htons(datagram->remote_port),
                                            .sin_addr.s_addr = htonl(datagram->remote)};
    struct msghdr *header = &messages[index].msg_hdr;
    *header = (struct msghdr){.msg_name = &receivers[index],
                              .msg_namelen = sizeof(receivers[index]),
                              .msg_iov = &vectors[index],
                              .msg_iovlen = 1,
                              .msg_control = &controls[index],
                              .msg_controllen = sizeof(controls[index])};
    struct cmsghdr *control = CMSG_FIRSTHDR(header);
    control->cmsg_level = IPPROTO_IP;
    control->cmsg_type = IP_PKTINFO;
    control->cmsg_len = CMSG_LEN(sizeof(struct in_pktinfo));
    struct in_pktinfo info = {.ipi_spec_dst.s_addr = htonl(datagram->local)};
    memcpy(CMSG_DATA(control), &info, sizeof(info));
  }
  return sendmmsg(fd, messages, (unsigned int)count, MSG_DONTWAIT);
}

int lares_interface_events(void) {
  int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);
  if (fd < 0) return -1;
  struct sockaddr_nl address = {.nl_family = AF_NETLINK, .nl_groups = RTMGRP_LINK | RTMGRP_IPV4_IFADDR};
  if (bind(fd, (struct sockaddr *)&address, sizeof(address)) != 0) return give_up(fd);
  return fd;
}
