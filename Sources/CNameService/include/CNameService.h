#ifndef LARES_CNAMESERVICE_H
#define LARES_CNAMESERVICE_H

// Datagrams in batches with the address each was sent to: recvmmsg(2), sendmmsg(2) and the control messages
// IP_PKTINFO and IPV6_PKTINFO, whose macros Swift does not see.

#include <stdint.h>

/// Datagrams handled by one pair of system calls.
#define LARES_BATCH_SIZE 64
/// Room for one datagram. An odd number of cache lines, so that the slots' first lines do not share cache sets.
#define LARES_SLOT_SIZE 1344

/// Who sent a datagram and to which of our addresses: all that is needed to answer later. A plain value.
struct lares_endpoint {
  /// sockaddr_in or sockaddr_in6 of the sender.
  uint8_t address[28];
  uint32_t address_length;
  /// One control message with our address, ready for sending; of length 0 where the kernel gave none.
  uint8_t control[40] __attribute__((aligned(8)));
  uint32_t control_length;
};

/// A batch: the datagrams that one recvmmsg(2) brought, each answered in its own slot.
struct lares_batch {
  /// LARES_BATCH_SIZE slots of LARES_SLOT_SIZE octets.
  uint8_t *datagrams;
  int count;
  uint32_t length[LARES_BATCH_SIZE];
  /// Octets of the answer that stands in the slot now; 0: none, and the datagram is as it came.
  uint32_t answer_length[LARES_BATCH_SIZE];
  struct lares_endpoint *endpoints;
  struct lares_batch_headers *headers;
};

static inline uint32_t lares_batch_length(const struct lares_batch *batch, int index) { return batch->length[index]; }
/// For tests: as if a datagram of `length` octets stood in the slot.
static inline void lares_batch_set_length(struct lares_batch *batch, int index, uint32_t length) {
  batch->length[index] = length;
}
static inline void lares_batch_set_answer_length(struct lares_batch *batch, int index, uint32_t length) {
  batch->answer_length[index] = length;
}
static inline const struct lares_endpoint *lares_batch_endpoint(const struct lares_batch *batch, int index) {
  return &batch->endpoints[index];
}

/// Memory for a batch, or NULL.
struct lares_batch *lares_batch_create(void);
void lares_batch_destroy(struct lares_batch *batch);

/// Fills the batch with what waits on `fd`, without blocking. The number of datagrams, or -1 with errno.
int lares_batch_receive(struct lares_batch *batch, int fd);

/// Sends the answers to the datagrams that have one, without blocking; what the socket does not take is dropped, as the
/// network would.
void lares_batch_send(struct lares_batch *batch, int fd);

/// Sends one datagram without blocking. 0, or -1 with errno.
int lares_send_to(int fd, const struct lares_endpoint *endpoint, const void *bytes, uint64_t count);

/// A non-blocking UDP socket bound to `port` on every address of the family (4 or 6), sharing the port with the other
/// cores' sockets (SO_REUSEPORT) and telling where each datagram was sent to. The descriptor, or -1 with errno.
int lares_udp_listen(int family, uint16_t port);

/// A non-blocking listening TCP socket on every address of the family, shared in the same way. The descriptor, or -1.
int lares_tcp_listen(int family, uint16_t port, int backlog);

/// A non-blocking UDP socket connected to `address` (4 or 16 bytes) and `port`, from a random source port of the kernel
/// (or `source_port` where that is not 0). The descriptor, or -1 with errno.
int lares_udp_connect(const uint8_t *address, uint32_t length, uint16_t port, uint16_t source_port);

/// A TCP socket that is connecting without blocking. The descriptor, or -1 with errno.
int lares_tcp_connect(const uint8_t *address, uint32_t length, uint16_t port);

/// The peer's address of a connected socket in network order: copies 4 or 16 bytes to `into` (room for 16) and returns
/// how many; 0 where there is none.
uint32_t lares_peer_address(int fd, uint8_t *into);

/// The port that a socket is bound to; 0 where it is not.
uint16_t lares_local_port(int fd);

/// Raises the number of descriptors that this process may have to what setrlimit(2) allows, at most to `most`. The number
/// it may have now; 0 where the kernel does not tell.
uint64_t lares_raise_descriptor_limit(uint64_t most);

/// Starts a thread that runs `body(argument)`, with signals blocked. 0, or an error number.
int lares_thread_start(void (*body)(void *), void *argument, unsigned long *thread);
int lares_thread_join(unsigned long thread);

/// A non-blocking eventfd(2) that another thread may signal. The descriptor, or -1 with errno.
int lares_event_create(void);
void lares_event_signal(int fd);
void lares_event_clear(int fd);
void lares_event_close(int fd);

/// send(2) and recv(2) on a stream without blocking and without SIGPIPE. The count, or -1 with errno.
long lares_stream_send(int fd, const void *bytes, uint64_t count);
long lares_receive(int fd, void *into, uint64_t room);

#endif
