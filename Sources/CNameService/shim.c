#define _GNU_SOURCE
#include "CNameService.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

_Static_assert(sizeof(struct sockaddr_in6) == 28, "an endpoint holds either address");
_Static_assert(CMSG_SPACE(sizeof(struct in6_pktinfo)) == 40, "an endpoint holds either control message");
_Static_assert(CMSG_SPACE(sizeof(struct in_pktinfo)) <= 40, "an endpoint holds either control message");

struct lares_batch_headers {
  struct mmsghdr messages[LARES_BATCH_SIZE];
  struct iovec parts[LARES_BATCH_SIZE];
};

void lares_batch_destroy(struct lares_batch *batch) {
  if (batch == NULL) return;
  free(batch->datagrams);
  free(batch->endpoints);
  free(batch->headers);
  free(batch);
}

/// Makes a message ready to receive into again.
static void reset(struct lares_batch *batch, int index) {
  struct msghdr *message = &batch->headers->messages[index].msg_hdr;
  message->msg_namelen = sizeof batch->endpoints[index].address;
  message->msg_controllen = sizeof batch->endpoints[index].control;
  message->msg_iov->iov_len = LARES_SLOT_SIZE;
}

struct lares_batch *lares_batch_create(void) {
  struct lares_batch *batch = calloc(1, sizeof *batch);
  if (batch == NULL) return NULL;
  // 64 bytes more: a reader may load whole words at the end of the last slot.
  batch->datagrams = aligned_alloc(64, (size_t)LARES_SLOT_SIZE * LARES_BATCH_SIZE + 64);
  batch->endpoints = calloc(LARES_BATCH_SIZE, sizeof *batch->endpoints);
  batch->headers = calloc(1, sizeof *batch->headers);
  if (!batch->datagrams || !batch->endpoints || !batch->headers) {
    lares_batch_destroy(batch);
    return NULL;
  }
  for (int i = 0; i < LARES_BATCH_SIZE; i++) {
    struct msghdr *message = &batch->headers->messages[i].msg_hdr;
    batch->headers->parts[i].iov_base = batch->datagrams + (size_t)i * LARES_SLOT_SIZE;
    message->msg_iov = &batch->headers->parts[i];
    message->msg_iovlen = 1;
    message->msg_name = batch->endpoints[i].address;
    message->msg_control = batch->endpoints[i].control;
    reset(batch, i);
  }
  return batch;
}

/// Turns the control message that came into the one that answers with the same address.
static void answer_from_address_asked(struct lares_endpoint *endpoint, struct msghdr *message) {
  endpoint->address_length = message->msg_namelen;
  struct cmsghdr *control = CMSG_FIRSTHDR(message);
  // Without the padding the kernel has room for either on its stack.
  message->msg_controllen = control == NULL ? 0 : control->cmsg_len;
  endpoint->control_length = (uint32_t)message->msg_controllen;
  if (control == NULL) return;
  if (control->cmsg_level == IPPROTO_IP) {
    // The route back decides the interface; spec_dst already holds our address.
    ((struct in_pktinfo *)(void *)CMSG_DATA(control))->ipi_ifindex = 0;
  } else {
    struct in6_pktinfo *info = (struct in6_pktinfo *)(void *)CMSG_DATA(control);
    if (!IN6_IS_ADDR_LINKLOCAL(&info->ipi6_addr)) info->ipi6_ifindex = 0;
  }
}

int lares_batch_receive(struct lares_batch *batch, int fd) {
  for (int i = 0; i < batch->count; i++) reset(batch, i);
  batch->count = 0;
  struct mmsghdr *messages = batch->headers->messages;
  int count;
  do count = recvmmsg(fd, messages, LARES_BATCH_SIZE, MSG_DONTWAIT, NULL);
  while (count < 0 && errno == EINTR);
  for (int i = 0; i < count; i++) {
    // A datagram longer than a slot is no question: length 0 is counted as malformed.
    batch->length[i] = messages[i].msg_hdr.msg_flags & MSG_TRUNC ? 0 : messages[i].msg_len;
    answer_from_address_asked(&batch->endpoints[i], &messages[i].msg_hdr);
  }
  if (count > 0) batch->count = count;
  return count;
}

/// Sends messages that stand one after another. False where the socket takes no more.
static int send_run(struct mmsghdr *messages, int count, int fd) {
  for (int done = 0; done < count;) {
    int sent = sendmmsg(fd, messages + done, (unsigned)(count - done), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent >= 0) {
      done += sent;
    } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
      return 0;
    } else if (errno != EINTR) {
      done++;  // This one cannot be sent (its address is gone, no route): the others can.
    }
  }
  return 1;
}

void lares_batch_send(struct lares_batch *batch, int fd) {
  struct mmsghdr *messages = batch->headers->messages;
  for (int start = 0, end; start < batch->count; start = end) {
    for (end = start; end < batch->count && batch->answer_length[end] != 0; end++)
      batch->headers->parts[end].iov_len = batch->answer_length[end];
    if (end == start) end++;
    else if (!send_run(messages + start, end - start, fd)) return;
  }
}

int lares_send_to(int fd, const struct lares_endpoint *endpoint, const void *bytes, uint64_t count) {
  struct iovec part = {(void *)(uintptr_t)bytes, count};
  struct msghdr message = {
      .msg_name = (void *)(uintptr_t)endpoint->address,
      .msg_namelen = endpoint->address_length,
      .msg_iov = &part,
      .msg_iovlen = 1,
      .msg_control = (void *)(uintptr_t)endpoint->control,
      .msg_controllen = endpoint->control_length,
  };
  ssize_t sent;
  do sent = sendmsg(fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
  while (sent < 0 && errno == EINTR);
  return sent < 0 ? -1 : 0;
}

static int refuse(int fd) {
  int code = errno;
  close(fd);
  errno = code;
  return -1;
}

/// Binds to the wildcard address of a family.
static int bind_everywhere(int fd, int family, uint16_t port) {
  if (family == 4) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    return bind(fd, (struct sockaddr *)&address, sizeof address);
  }
  struct sockaddr_in6 address = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
  return bind(fd, (struct sockaddr *)&address, sizeof address);
}

static int shared_socket(int family, int type) {
  int one = 1;
  int fd = socket(family == 4 ? AF_INET : AF_INET6, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return -1;
  if (setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof one) != 0) return refuse(fd);
  if (family == 6 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof one) != 0) return refuse(fd);
  return fd;
}

int lares_udp_listen(int family, uint16_t port) {
  int one = 1, room = 1 << 20;
  int fd = shared_socket(family, SOCK_DGRAM);
  if (fd < 0) return -1;
  int failed = family == 4 ? setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &one, sizeof one)
                           : setsockopt(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, &one, sizeof one);
  if (failed) return refuse(fd);
  // More room is a wish: the kernel caps it silently.
  setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof room);
  setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &room, sizeof room);
  if (family == 4) {
    // Answers fit every path; they are never fragmented, and a path size that somebody forged is not believed.
    int discovery = IP_PMTUDISC_PROBE;
    setsockopt(fd, IPPROTO_IP, IP_MTU_DISCOVER, &discovery, sizeof discovery);
  }
  if (bind_everywhere(fd, family, port) != 0) return refuse(fd);
  return fd;
}

int lares_tcp_listen(int family, uint16_t port, int backlog) {
  int one = 1;
  int fd = shared_socket(family, SOCK_STREAM);
  if (fd < 0) return -1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  if (bind_everywhere(fd, family, port) != 0) return refuse(fd);
  if (listen(fd, backlog) != 0) return refuse(fd);
  return fd;
}

static int connect_to(int fd, const uint8_t *bytes, uint32_t length, uint16_t port) {
  if (length == 4) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    memcpy(&address.sin_addr, bytes, 4);
    return connect(fd, (struct sockaddr *)&address, sizeof address);
  }
  struct sockaddr_in6 address = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
  memcpy(&address.sin6_addr, bytes, 16);
  return connect(fd, (struct sockaddr *)&address, sizeof address);
}

int lares_udp_connect(const uint8_t *address, uint32_t length, uint16_t port, uint16_t source_port) {
  int family = length == 4 ? 4 : 6;
  int fd = socket(family == 4 ? AF_INET : AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return -1;
  if (source_port != 0 && bind_everywhere(fd, family, source_port) != 0) return refuse(fd);
  if (connect_to(fd, address, length, port) != 0) return refuse(fd);
  return fd;
}

int lares_tcp_connect(const uint8_t *address, uint32_t length, uint16_t port) {
  int one = 1;
  int fd = socket(length == 4 ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return -1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  if (connect_to(fd, address, length, port) != 0 && errno != EINPROGRESS) return refuse(fd);
  return fd;
}

static uint32_t copy_address(const struct sockaddr *address, uint8_t *into) {
  if (address->sa_family == AF_INET) {
    memcpy(into, &((const struct sockaddr_in *)(const void *)address)->sin_addr, 4);
    return 4;
  }
  if (address->sa_family == AF_INET6) {
    memcpy(into, &((const struct sockaddr_in6 *)(const void *)address)->sin6_addr, 16);
    return 16;
  }
  return 0;
}

uint32_t lares_peer_address(int fd, uint8_t *into) {
  struct sockaddr_storage address;
  socklen_t length = sizeof address;
  if (getpeername(fd, (struct sockaddr *)&address, &length) != 0) return 0;
  return copy_address((struct sockaddr *)&address, into);
}

uint16_t lares_local_port(int fd) {
  struct sockaddr_storage address;
  socklen_t length = sizeof address;
  if (getsockname(fd, (struct sockaddr *)&address, &length) != 0) return 0;
  return ntohs(address.ss_family == AF_INET ? ((struct sockaddr_in *)&address)->sin_port
                                            : ((struct sockaddr_in6 *)&address)->sin6_port);
}

uint64_t lares_raise_descriptor_limit(uint64_t most) {
  struct rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return 0;
  rlim_t before = limit.rlim_cur;
  limit.rlim_cur = limit.rlim_max < most ? limit.rlim_max : most;
  if (limit.rlim_cur <= before || setrlimit(RLIMIT_NOFILE, &limit) != 0) return before;
  return limit.rlim_cur;
}

struct start {
  void (*body)(void *);
  void *argument;
};

static void *run_thread(void *argument) {
  struct start start = *(struct start *)argument;
  free(argument);
  start.body(start.argument);
  return NULL;
}

int lares_thread_start(void (*body)(void *), void *argument, unsigned long *thread) {
  struct start *start = malloc(sizeof *start);
  if (start == NULL) return ENOMEM;
  *start = (struct start){body, argument};
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  int code = pthread_create(thread, NULL, run_thread, start);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  if (code != 0) free(start);
  return code;
}

int lares_thread_join(unsigned long thread) { return pthread_join(thread, NULL); }

int lares_event_create(void) { return eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK); }

void lares_event_signal(int fd) {
  uint64_t one = 1;
  // Fails only where the counter is full, and then the reader is woken anyway.
  if (write(fd, &one, sizeof one) < 0) return;
}

void lares_event_close(int fd) { close(fd); }

void lares_event_clear(int fd) {
  uint64_t count;
  if (read(fd, &count, sizeof count) < 0) return;
}

long lares_stream_send(int fd, const void *bytes, uint64_t count) {
  ssize_t sent;
  do sent = send(fd, bytes, count, MSG_DONTWAIT | MSG_NOSIGNAL);
  while (sent < 0 && errno == EINTR);
  return sent;
}

long lares_receive(int fd, void *into, uint64_t room) {
  ssize_t count;
  do count = recv(fd, into, room, MSG_DONTWAIT);
  while (count < 0 && errno == EINTR);
  return count;
}
